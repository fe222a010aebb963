/* Actions: JSON from outside that does something.
 *
 * What is accepted is bounded, points into the text or into the list, and holds JSON where it
 * promises JSON; each action of an array is one by itself; what is refused is refused with a
 * sentence that is JSON itself. */
#include "shared/action/action.h"

#include "shared/wire/json.h"
#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"

#define NAME_MAX_BYTES 255

static const struct action_context event = {
    .session = 42,
    .ns = {"/chat", 5},
    .ack_id = {"7", 1},
};
static const struct action_context nobody = {.session = 0};

/* Text of the list, with a NUL behind it. */
static void
must_be_text(const struct action_list *list, struct slice text)
{
	if (text.p == NULL || slice_is(text, "booted")) /* which is the default of a reason */
		return;
	MUST(lies_in((struct slice){text.p, text.n + 1}, buf_slice(&list->texts)));
	MUST(text.p[text.n] == '\0' && utf8_valid(text));
}

/* Text that C takes whole, and the store too. */
static void
must_be_name(const struct action_list *list, struct slice text)
{
	must_be_text(list, text);
	MUST(text.n <= NAME_MAX_BYTES && (text.p == NULL || strlen(text.p) == text.n));
}

static void
must_be_json(struct slice text, struct slice in)
{
	struct json_value value;

	if (text.p != NULL)
		MUST(lies_in(text, in) && json_parse(&value, text) == 0 &&
		     slice_equal(value.text, text));
}

static void
must_be_action(const struct action_list *list, const struct action *a, struct slice in)
{
	must_be_name(list, a->room);
	must_be_name(list, a->user);
	must_be_name(list, a->handler);
	if (a->kind == ACTION_EMIT || a->kind == ACTION_SEND) {
		must_be_text(list, a->name);
		must_be_text(list, a->text);
	} else {
		must_be_name(list, a->name);
		must_be_name(list, a->text);
	}
	must_be_json(a->json, in);
	must_be_json(a->context, in);
	MUST(a->ns.n == 0 || (a->ns.p[0] == '/' && a->ns.n > 1 && a->ns.n <= NAME_MAX_BYTES));
	MUST(a->except_at + a->except_n <= list->except.n / sizeof(int64_t));
	MUST((a->session != 0) + (a->room.p != NULL) + (a->user.p != NULL) <= 1);
	MUST(a->session >= 0 && a->timeout_ms >= 0 && a->reason >= -1 && a->reason <= 2);
	MUST(a->kind != ACTION_ACK || (a->session != 0 && a->id.n > 0 && a->id.n <= 20));
	MUST(a->context.p == NULL || a->handler.p != NULL);
}

static void
must_be_error(const struct action_error *error)
{
	struct buf text = {.p = NULL};
	struct json_value value;

	MUST(error->code != NULL && error->index >= -1 && error->index <= ACTIONS_MAX);
	MUST(strnlen(error->field, sizeof(error->field)) < sizeof(error->field));
	MUST(strnlen(error->message, sizeof(error->message)) < sizeof(error->message));
	action_error_write(&text, error);
	MUST(!text.failed && json_parse(&value, buf_slice(&text)) == 0);
	buf_free(&text);
}

static void
must_be_same(const struct action *a, const struct action *b)
{
	MUST(a->kind == b->kind && slice_equal(a->ns, b->ns) && a->session == b->session);
	MUST(slice_equal(a->room, b->room) && slice_equal(a->user, b->user));
	MUST(slice_equal(a->name, b->name) && slice_equal(a->text, b->text));
	MUST(slice_equal(a->json, b->json) && slice_equal(a->id, b->id));
	MUST(slice_equal(a->handler, b->handler) && slice_equal(a->context, b->context));
	MUST(a->except_n == b->except_n && a->timeout_ms == b->timeout_ms);
	MUST(a->reason == b->reason && a->reconnect == b->reconnect);
	MUST(a->is_volatile == b->is_volatile);
}

/* Each element of an array by itself. */
static void
try_one_by_one(const struct action_list *list, struct slice in, const struct action_context *ctx)
{
	struct json_value array, element;
	struct json_walk walk;
	size_t i = 0;

	if (json_parse(&array, in) == -1 || array.kind != JSON_KIND_ARRAY)
		return;
	json_walk_begin(&walk, &array);
	while (json_walk_element(&walk, &element)) {
		struct action_list alone;
		struct action_error error;

		MUST(i < list->n);
		MUST(action_parse(&alone, element.text, ctx, &error) == 0 && alone.n == 1);
		must_be_same(&list->actions[i++], &alone.actions[0]);
		action_free(&alone);
	}
	MUST(i == list->n);
}

static void
try_actions(struct slice in, const struct action_context *ctx)
{
	struct action_list list;
	struct action_error error = {.code = NULL};

	if (action_parse(&list, in, ctx, &error) == -1) {
		must_be_error(&error);
	} else {
		MUST(list.n <= ACTIONS_MAX);
		for (size_t i = 0; i < list.n; i++)
			must_be_action(&list, &list.actions[i], in);
		try_one_by_one(&list, in, ctx);
	}
	action_free(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of_input(data, size);

	try_actions(in, &event);
	try_actions(in, &nobody);
	return 0;
}
