/* Actions: what an application asks for as JSON.
 *
 * What is accepted is within its limits, names are texts that the store can keep, JSON is the
 * caller's own bytes and is JSON by itself.  What is refused says why, in JSON. */
#include "shared/app/action.h"

#include "shared/wire/json.h"
#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"

static void
try_json(struct slice json, struct slice in, bool array)
{
	struct json_value value;

	if (json.p == NULL)
		return;
	MUST(lies_in(json, in));
	MUST(json_parse(&value, json) == 0 && slice_equal(value.text, json));
	MUST(!array || value.kind == JSON_KIND_ARRAY);
}

/* A name that is kept: bounded, and what C takes for it is all of it. */
static void
try_name(struct slice name)
{
	if (name.p == NULL)
		return;
	MUST(name.n <= 255 && utf8_valid(name));
	MUST(name.p[name.n] == '\0' && strlen(name.p) == name.n);
}

static void
try_action(const struct action *a, const struct action_list *list, struct slice in)
{
	MUST(a->session != 0 || a->room.p != NULL || a->user.p != NULL || a->ns.p != NULL);
	MUST(a->session == 0 || (a->room.p == NULL && a->user.p == NULL && a->except_n == 0));
	MUST(a->ns.n == 0 || a->ns.p[0] == '/');
	MUST(a->except_n <= ACTION_EXCEPT_MAX);
	MUST(a->except_n == 0 || (a->except_at + a->except_n) * sizeof(int64_t) <= list->except.n);
	try_name(a->room);
	try_name(a->user);
	try_name(a->handler);
	try_json(a->json, in, a->kind == ACTION_EMIT || a->kind == ACTION_ACK);
	try_json(a->context, in, false);
	MUST(utf8_valid(a->text));
	if (a->kind == ACTION_EMIT)
		MUST(a->name.p != NULL && utf8_valid(a->name));
	else
		try_name(a->name);
	MUST(a->kind != ACTION_ACK || (a->id.n > 0 && a->id.n <= 20));
	MUST(a->kind != ACTION_ERROR || a->reason >= 0 || a->reconnect);
}

static void
try_context(struct slice in, const struct action_context *ctx)
{
	struct action_list list;
	struct action_error error = {.code = NULL};
	struct buf told = {.p = NULL};
	struct json_value value;

	if (action_parse(&list, in, ctx, &error) == 0) {
		MUST(list.n <= ACTIONS_MAX);
		for (size_t i = 0; i < list.n; i++)
			try_action(&list.actions[i], &list, in);
	} else {
		MUST(error.code != NULL && error.message[0] != '\0' &&
		     error.index < ACTIONS_MAX + 1);
		action_error_write(&told, &error);
		MUST(!told.failed && json_parse(&value, buf_slice(&told)) == 0);
		MUST(value.kind == JSON_KIND_OBJECT);
	}
	buf_free(&told);
	action_free(&list);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct action_context nobody = {.session = 0};
	const struct action_context somebody = {
	    .session = 5, .ns = SLICE("/chat"), .ack_id = SLICE("17")};

	try_context(slice_of_input(data, size), &nobody);
	try_context(slice_of_input(data, size), &somebody);
	return 0;
}
