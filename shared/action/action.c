#include "shared/action/action.h"

#include <stdlib.h>

#include "shared/action/action_read.h"
#include "shared/action/target.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

/* --- actions -------------------------------------------------------------------------------- */

enum field {
	FIELD_TO = 1 << 0,
	FIELD_SESSION = 1 << 1,
	FIELD_NS = 1 << 2,
	FIELD_NAME = 1 << 3,
	FIELD_ARGS = 1 << 4,
	FIELD_VOLATILE = 1 << 5,
	FIELD_ACK = 1 << 6,
	FIELD_CONTEXT = 1 << 7,
	FIELD_TIMEOUT = 1 << 8,
	FIELD_TEXT = 1 << 9,
	FIELD_VALUE = 1 << 10,
	FIELD_ID = 1 << 11,
	FIELD_ROOM = 1 << 12,
	FIELD_KEY = 1 << 13,
	FIELD_USER = 1 << 14,
	FIELD_REASON = 1 << 15,
	FIELD_ADVICE = 1 << 16,
	FIELD_STRICT = 1 << 17,
	FIELD_LATER = 1 << 18,
	FIELD_MAILBOX = 1 << 19,
	FIELD_HISTORY = 1 << 20,
	FIELD_MS = 1 << 21,
	FIELD_DATA = 1 << 22,
	FIELD_DO = 1 << 23,
	FIELD_ALWAYS = FIELD_DO | FIELD_STRICT,
	FIELD_ONE = FIELD_SESSION | FIELD_NS,
	FIELD_WHOSE = FIELD_ONE | FIELD_TO,
	FIELD_ANSWER = FIELD_ACK | FIELD_CONTEXT | FIELD_TIMEOUT,
	FIELD_SENDING = FIELD_TO | FIELD_VOLATILE | FIELD_MAILBOX | FIELD_ANSWER,
};

/* In the order of their bits. */
static const char *const field_names[] = {"to", "session", "ns", "name", "args", "volatile", "ack",
    "context", "timeout_ms", "text", "value", "id", "room", "key", "user", "reason", "advice",
    "strict", "later", "mailbox", "history", "ms", "data", "do"};
#define FIELDS (sizeof(field_names) / sizeof(field_names[0]))

static const struct verb {
	const char *name;
	enum action_kind kind;
	unsigned required, allowed;
} verbs[] = {
    {"emit", ACTION_EMIT, FIELD_NAME, FIELD_ARGS | FIELD_SENDING},
    {"send", ACTION_SEND, FIELD_TEXT, FIELD_SENDING},
    {"json", ACTION_JSON, FIELD_VALUE, FIELD_SENDING},
    {"ack", ACTION_ACK, 0, FIELD_ID | FIELD_ARGS | FIELD_ONE | FIELD_LATER},
    {"join", ACTION_JOIN, FIELD_ROOM, FIELD_HISTORY | FIELD_WHOSE},
    {"leave", ACTION_LEAVE, FIELD_ROOM, FIELD_WHOSE},
    {"set", ACTION_SET, FIELD_KEY | FIELD_VALUE, FIELD_WHOSE},
    {"del", ACTION_DEL, FIELD_KEY, FIELD_WHOSE},
    {"user", ACTION_USER, FIELD_USER, FIELD_WHOSE},
    {"after", ACTION_AFTER, FIELD_MS | FIELD_NAME, FIELD_CONTEXT | FIELD_WHOSE},
    {"cancel", ACTION_CANCEL, FIELD_NAME, FIELD_WHOSE},
    {"disconnect", ACTION_DISCONNECT, 0, FIELD_REASON | FIELD_WHOSE},
    {"accept", ACTION_ACCEPT, FIELD_LATER, FIELD_USER | FIELD_DATA},
    {"refuse", ACTION_REFUSE, FIELD_LATER, FIELD_REASON},
    {"error", ACTION_ERROR, 0, FIELD_REASON | FIELD_ADVICE | FIELD_WHOSE},
};

static int
read_field(struct action_reader *r, enum field field, const struct json_value *value)
{
	struct action *a = r->action;

	switch (field) {
	case FIELD_TO:
		return action_read_target(r, value);
	case FIELD_SESSION:
		return action_read_public_id(r, "session", value, &a->session);
	case FIELD_NS:
		return action_read_ns(r, value);
	case FIELD_NAME: /* that of an event may be "" and of any length */
		return a->kind == ACTION_AFTER || a->kind == ACTION_CANCEL
		           ? action_read_name(r, "name", value, &a->name)
		           : action_read_event(r, "name", value, &a->name);
	case FIELD_ARGS:
		return action_read_args(r, value);
	case FIELD_VOLATILE:
		return action_read_flag(r, "volatile", value, &a->is_volatile);
	case FIELD_ACK:
		return action_read_name(r, "ack", value, &a->handler);
	case FIELD_CONTEXT:
		a->context = value->text;
		return value->text.n <= CONTEXT_BYTES_MAX
		           ? 0
		           : BAD(r, "context", "\"context\" is longer than %d bytes",
				 CONTEXT_BYTES_MAX);
	case FIELD_TIMEOUT:
		return action_read_ms(r, "timeout_ms", value, &a->timeout_ms);
	case FIELD_MS:
		return action_read_ms(r, "ms", value, &a->timeout_ms);
	case FIELD_TEXT:
		return action_read_text(r, "text", value, &a->text);
	case FIELD_VALUE:
		a->json = value->text;
		return 0;
	case FIELD_ID:
		return action_read_id(r, value);
	case FIELD_ROOM:
		return action_read_name(r, "room", value, &a->name);
	case FIELD_KEY:
		return action_read_name(r, "key", value, &a->name);
	case FIELD_USER:
		return action_read_user(r, value);
	case FIELD_REASON:
		return action_read_reason(r, value);
	case FIELD_ADVICE:
		return action_read_advice(r, value);
	case FIELD_STRICT:
		return action_read_flag(r, "strict", value, &a->strict);
	case FIELD_LATER:
		return action_read_later(r, value);
	case FIELD_MAILBOX:
		return action_read_mailbox(r, value);
	case FIELD_HISTORY:
		return action_read_history(r, value);
	case FIELD_DATA:
		return action_read_data(r, value);
	case FIELD_DO:
	case FIELD_ALWAYS:
	case FIELD_ONE:
	case FIELD_WHOSE:
	case FIELD_ANSWER:
	case FIELD_SENDING:
		break;
	}
	return 0;
}

static const struct verb *
find_verb(struct action_reader *r, const struct json_value *object)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;

	json_walk_begin(&walk, object);
	while (json_walk_member(&walk, &key, &value)) {
		if (!json_string_is(key, "do"))
			continue;
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
			if (value.kind == JSON_KIND_STRING &&
			    json_string_is(value.text, verbs[i].name))
				return &verbs[i];
		BAD(r, "do", "%.*s is not an action", value.text.n > 40 ? 40 : (int)value.text.n,
		    value.text.p);
		return NULL;
	}
	BAD(r, "do", "\"do\" is missing");
	return NULL;
}

static int
read_fields(struct action_reader *r, const struct verb *verb, const struct json_value *object)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;
	unsigned seen = 0, missing;

	json_walk_begin(&walk, object);
	while (json_walk_member(&walk, &key, &value)) {
		unsigned i = 0;

		while (i < FIELDS && !json_string_is(key, field_names[i]))
			i++;
		if (i == FIELDS || ((verb->required | verb->allowed | FIELD_ALWAYS) & 1u << i) == 0)
			return BAD(r, i == FIELDS ? "" : field_names[i],
			    "%.*s is not a field of \"%s\"", key.n > 40 ? 40 : (int)key.n, key.p,
			    verb->name);
		if ((seen & 1u << i) != 0)
			return BAD(r, field_names[i], "\"%s\" appears twice in the action",
			    field_names[i]);
		seen |= 1u << i;
		if (read_field(r, (enum field)(1u << i), &value) == -1)
			return -1;
	}
	missing = verb->required & ~seen;
	for (unsigned i = 0; i < FIELDS; i++)
		if ((missing & 1u << i) != 0)
			return BAD(r, field_names[i], "\"%s\" is missing", field_names[i]);
	if (r->has_later && (seen & (FIELD_ONE | FIELD_ID)) != 0)
		return BAD(r, "later", "\"later\" stands for \"session\", \"id\" and \"ns\"");
	if (r->has_target && (seen & FIELD_ONE) != 0)
		return BAD(r, "to", "\"session\" and \"ns\" go into \"to\", not beside it");
	return 0;
}

/* Take from the event what the action does not say, and check what does not go together. */
static int
complete_action(struct action_reader *r, const struct verb *verb)
{
	struct action *a = r->action;
	bool anybody = a->room.p != NULL || a->user.p != NULL || (r->has_target && a->session == 0);

	if (!r->has_ns)
		a->ns = r->ctx->session == 0 ? SLICE("") : r->ctx->ns;
	if (r->has_later)
		return 0;
	if (!anybody && a->session == 0)
		a->session = r->ctx->session;
	if (!anybody && a->session == 0)
		return BAD(r, (verb->allowed & FIELD_TO) != 0 ? "to" : "session",
		    "\"%s\" is missing: there is no event to take the session from",
		    (verb->allowed & FIELD_TO) != 0 ? "to" : "session");
	switch (a->kind) {
	case ACTION_EMIT:
	case ACTION_SEND:
	case ACTION_JSON:
		if (a->handler.p == NULL && (a->context.p != NULL || a->timeout_ms > 0))
			return BAD(r, "ack", "\"context\" and \"timeout_ms\" go with \"ack\"");
		if (a->handler.p != NULL && a->is_volatile)
			return BAD(r, "volatile", "\"volatile\" and \"ack\" exclude each other");
		if (a->mailbox_s > 0 && a->user.p == NULL)
			return BAD(r, "mailbox", "\"mailbox\" is for a \"to\" with \"user\"");
		if (a->mailbox_s > 0 && (a->is_volatile || a->handler.p != NULL))
			return BAD(r, "mailbox", "\"mailbox\" excludes \"volatile\" and \"ack\"");
		break;
	case ACTION_ACK:
		/* ids are counted by each client: that of the event means nothing to another */
		if (a->id.n == 0 && a->session == r->ctx->session && slice_equal(a->ns, r->ctx->ns))
			a->id = r->ctx->ack_id;
		if (a->id.n == 0)
			return BAD(
			    r, "id", "\"id\" is missing: there is no event that waits for an ack");
		break;
	case ACTION_ERROR:
		if (a->reason == -1 && !a->reconnect)
			return BAD(r, "reason", "an error needs \"reason\", \"advice\", or both");
		break;
	case ACTION_DISCONNECT:
		if (a->text.p == NULL)
			a->text = SLICE("booted");
		break;
	case ACTION_JOIN:
	case ACTION_LEAVE:
	case ACTION_SET:
	case ACTION_DEL:
	case ACTION_USER:
	case ACTION_AFTER:
	case ACTION_CANCEL:
	case ACTION_ACCEPT:
	case ACTION_REFUSE:
		break;
	}
	return 0;
}

/* Room for one more; the array doubles. */
static struct action *
add_action(struct action_list *list)
{
	size_t n = list->n;

	if ((n & (n - 1)) == 0) { /* 0, or a power of two: full */
		struct action *grown =
		    realloc(list->actions, (n == 0 ? 1 : 2 * n) * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		list->actions = grown;
	}
	list->actions[n] = (struct action){.reason = -1, .history = -1};
	return &list->actions[list->n++];
}

static int
read_action(struct action_reader *r, const struct json_value *value)
{
	const struct verb *verb;

	r->index = (int)r->list->n;
	r->has_ns = r->has_target = r->has_later = false;
	if (r->list->n == ACTIONS_MAX)
		return action_read_fail(r, "too_many", "", "more than %d actions", ACTIONS_MAX);
	if (value->kind != JSON_KIND_OBJECT)
		return BAD(r, "", "an action must be an object");
	verb = find_verb(r, value);
	if (verb == NULL)
		return -1;
	r->action = add_action(r->list);
	if (r->action == NULL)
		return action_read_fail(r, "failed", "", "no memory for another action");
	r->action->kind = verb->kind;
	return read_fields(r, verb, value) == -1 ? -1 : complete_action(r, verb);
}

/* --- lists ---------------------------------------------------------------------------------- */

static int
read_array(struct action_reader *r, const struct json_value *array)
{
	struct json_walk walk;
	struct json_value element;

	json_walk_begin(&walk, array);
	while (json_walk_element(&walk, &element))
		if (read_action(r, &element) == -1)
			return -1;
	return 0;
}

/* {"actions":[..],"strict":true} */
static int
read_envelope(struct action_reader *r, const struct json_value *object)
{
	struct json_walk walk;
	struct json_value value, actions = {.kind = JSON_KIND_NULL};
	struct slice key;

	json_walk_begin(&walk, object);
	while (json_walk_member(&walk, &key, &value)) {
		if (json_string_is(key, "actions") && actions.kind == JSON_KIND_NULL &&
		    value.kind == JSON_KIND_ARRAY)
			actions = value;
		else if (json_string_is(key, "strict") &&
			 (value.kind == JSON_KIND_TRUE || value.kind == JSON_KIND_FALSE))
			r->list->strict = r->list->strict || value.kind == JSON_KIND_TRUE;
		else
			return BAD(r, "",
			    "%.*s is not a field beside \"actions\", or has the wrong type",
			    key.n > 40 ? 40 : (int)key.n, key.p);
	}
	return read_array(r, &actions);
}

static bool
is_envelope(const struct json_value *object)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;

	json_walk_begin(&walk, object);
	while (json_walk_member(&walk, &key, &value))
		if (json_string_is(key, "actions"))
			return true;
	return false;
}

int
action_parse(struct action_list *out, struct slice json, const struct action_context *ctx,
    struct action_error *error)
{
	struct action_reader r = {.list = out, .ctx = ctx, .error = error, .index = -1};
	struct json_value value;

	*out = (struct action_list){.strict = ctx->strict, .count = ctx->count};
	if (json.n > ACTION_BYTES_MAX)
		return action_read_fail(
		    &r, "too_large", "", "more than %zu bytes", ACTION_BYTES_MAX);
	if (json_parse(&value, json) == -1)
		return action_read_fail(&r, "bad_json", "", "the text is not JSON");
	if (buf_reserve(&out->texts, json.n + 1) == NULL) /* slices of `texts` stay valid */
		return action_read_fail(&r, "failed", "", "no memory to read the actions");
	if (value.kind == JSON_KIND_ARRAY)
		return read_array(&r, &value);
	if (value.kind == JSON_KIND_OBJECT && is_envelope(&value))
		return read_envelope(&r, &value);
	return read_action(&r, &value);
}

void
action_free(struct action_list *list)
{
	free(list->actions);
	buf_free(&list->texts);
	buf_free(&list->except);
	*list = (struct action_list){.actions = NULL};
}

/* Append {"code":"..","message":"..",..}. */
static void
write_error_object(struct buf *out, const struct action_error *error)
{
	struct buf message = {.p = NULL};

	utf8_sanitize(&message, slice_of(error->message)); /* snprintf may have cut a character */
	buf_printf(out, "{\"code\":\"%s\",\"message\":", error->code);
	json_write_string(out, buf_slice(&message));
	buf_free(&message);
	if (error->index >= 0)
		buf_printf(out, ",\"index\":%d", error->index);
	if (error->field[0] != '\0')
		buf_printf(out, ",\"field\":\"%s\"", error->field);
	buf_add_char(out, '}');
}

void
action_error_write(struct buf *out, const struct action_error *error)
{
	buf_puts(out, "{\"error\":");
	write_error_object(out, error);
	buf_add_char(out, '}');
}

void
action_result_write(struct buf *out, const struct action_result *result)
{
	if (result->kept > 0)
		buf_printf(out, ",\"kept\":%zu", result->kept);
	if (result->refused == 0)
		return;
	buf_printf(out, ",\"refused\":%zu,\"error\":", result->refused);
	write_error_object(out, &result->refusal);
}
