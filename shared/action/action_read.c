#include "shared/action/action_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/action/admission.h"
#include "shared/action/later.h"
#include "shared/action/name.h"
#include "shared/action/ruling.h"
#include "shared/base/keys.h"
#include "shared/wire/digit.h"
#include "shared/wire/packet.h"
#include "shared/wire/sid.h"

int
action_read_fail(
    struct action_reader *r, const char *code, const char *field, const char *format, ...)
{
	va_list args;

	r->error->code = code;
	r->error->index = r->index;
	snprintf(r->error->field, sizeof(r->error->field), "%s", field);
	va_start(args, format);
	vsnprintf(r->error->message, sizeof(r->error->message), format, args);
	va_end(args);
	return -1;
}

/* --- values --------------------------------------------------------------------------------- */

int
action_read_text(
    struct action_reader *r, const char *field, const struct json_value *value, struct slice *out)
{
	struct buf *texts = &r->list->texts;
	size_t at = texts->n;

	if (value->kind != JSON_KIND_STRING)
		return BAD(r, field, "\"%s\" must be a string", field);
	/* a string is never longer than its literal, whose quotes make room for the NUL */
	json_string_decode(texts, value->text);
	*out = (struct slice){texts->p + at, texts->n - at};
	buf_add_char(texts, '\0');
	return texts->failed ? action_read_fail(r, "failed", field, "no memory for the text") : 0;
}

int
action_read_event(
    struct action_reader *r, const char *field, const struct json_value *value, struct slice *out)
{
	if (action_read_text(r, field, value, out) == -1)
		return -1;
	return slice_has_nul(*out) ? BAD(r, field, "\"%s\" contains U+0000", field) : 0;
}

int
action_read_name(
    struct action_reader *r, const char *field, const struct json_value *value, struct slice *out)
{
	if (action_read_event(r, field, value, out) == -1)
		return -1;
	if (out->n > NAME_BYTES_MAX)
		return BAD(r, field, "\"%s\" is longer than %d bytes", field, NAME_BYTES_MAX);
	return 0;
}

int
action_read_ns(struct action_reader *r, const struct json_value *value)
{
	struct slice *ns = &r->action->ns;

	if (action_read_name(r, "ns", value, ns) == -1)
		return -1;
	r->has_ns = true;
	if (!name_is_namespace(*ns))
		return BAD(r, "ns", "\"ns\" must be \"\" or like \"/chat\"");
	return 0;
}

int
action_read_public_id(
    struct action_reader *r, const char *field, const struct json_value *value, int64_t *key)
{
	struct slice id;

	if (action_read_text(r, field, value, &id) == -1)
		return -1;
	if (sid_public_read(id, key) == -1)
		return BAD(r, field,
		    "\"%s\" must be the public id of a session: P and 11 characters", field);
	return 0;
}

int
action_read_flag(
    struct action_reader *r, const char *field, const struct json_value *value, bool *out)
{
	if (value->kind != JSON_KIND_TRUE && value->kind != JSON_KIND_FALSE)
		return BAD(r, field, "\"%s\" must be true or false", field);
	*out = value->kind == JSON_KIND_TRUE;
	return 0;
}

/* Decimal digits and nothing else. */
static bool
is_digits(struct slice s, size_t most)
{
	return s.n > 0 && s.n <= most && digit_run(s) == s.n;
}

int
action_read_id(struct action_reader *r, const struct json_value *value)
{
	struct slice *id = &r->action->id;

	*id = value->text;
	if (value->kind == JSON_KIND_STRING && action_read_text(r, "id", value, id) == -1)
		return -1;
	if (!is_digits(*id, PACKET_ID_MAX))
		return BAD(r, "id", "\"id\" must be the ack id of an event");
	return 0;
}

int
action_read_later(struct action_reader *r, const struct json_value *value)
{
	struct action *a = r->action;
	struct later later;
	struct slice text;

	r->has_later = true;
	if (action_read_text(r, "later", value, &text) == -1)
		return -1;
	if (a->kind == ACTION_ACCEPT || a->kind == ACTION_REFUSE) {
		a->id = text;
		return ruling_is_name(text)
		           ? 0
		           : BAD(r, "later", "\"later\" must be the text that the authorizer got");
	}
	if (text.n == 0)
		return 0;
	if (later_read(&later, text) == -1)
		return BAD(r, "later", "\"later\" must be the text that the event gave");
	a->session = later.session;
	a->id = later.id;
	a->ns = later.ns;
	r->has_ns = true;
	return 0;
}

#define SMALL_DIGITS 9 /* they fit into an int */
#define SMALL_MAX    999999999

static bool
read_small_number(const struct json_value *value, int *out)
{
	unsigned n = 0;

	if (!slice_number(value->text, SMALL_DIGITS, SMALL_MAX, &n))
		return false;
	*out = (int)n;
	return true;
}

int
action_read_data(struct action_reader *r, const struct json_value *value)
{
	r->action->json = value->text;
	return admission_is_valid((struct slice){NULL, 0}, value->text)
	           ? 0
	           : BAD(r, "data", "\"data\" must be an object whose keys are names of values");
}

int
action_read_ms(struct action_reader *r, const char *field, const struct json_value *value, int *ms)
{
	if (!read_small_number(value, ms))
		return BAD(r, field, "\"%s\" must be a number of milliseconds, at most %d", field,
		    SMALL_MAX);
	return 0;
}

int
action_read_mailbox(struct action_reader *r, const struct json_value *value)
{
	if (!read_small_number(value, &r->action->mailbox_s) || r->action->mailbox_s == 0)
		return BAD(r, "mailbox", "\"mailbox\" must be a number of seconds, from 1 to %d",
		    SMALL_MAX);
	return 0;
}

int
action_read_history(struct action_reader *r, const struct json_value *value)
{
	if (!read_small_number(value, &r->action->history))
		return BAD(r, "history", "\"history\" must be a number of messages, at most %d",
		    SMALL_MAX);
	return 0;
}

int
action_read_args(struct action_reader *r, const struct json_value *value)
{
	if (value->kind != JSON_KIND_ARRAY)
		return BAD(r, "args", "\"args\" must be an array");
	r->action->json = value->text;
	return 0;
}

int
action_read_user(struct action_reader *r, const struct json_value *value)
{
	if (value->kind == JSON_KIND_NULL) {
		r->action->name = (struct slice){NULL, 0};
		return 0;
	}
	return action_read_name(r, "user", value, &r->action->name);
}

/* PROTOCOL 5.2: the codes of an error packet, by the texts that clients give them. */
static int
read_reason_code(struct action_reader *r, const struct json_value *value)
{
	static const char *const reasons[] = {
	    "transport not supported", "client not handshaken", "unauthorized"};

	for (size_t i = 0; value->kind == JSON_KIND_STRING && i < 3; i++) {
		if (!json_string_is(value->text, reasons[i]))
			continue;
		r->action->reason = (int)i;
		return 0;
	}
	return BAD(r, "reason", "\"reason\" must be \"%s\", \"%s\" or \"%s\"", reasons[0],
	    reasons[1], reasons[2]);
}

int
action_read_reason(struct action_reader *r, const struct json_value *value)
{
	return r->action->kind == ACTION_ERROR
	           ? read_reason_code(r, value)
	           : action_read_name(r, "reason", value, &r->action->text);
}

int
action_read_advice(struct action_reader *r, const struct json_value *value)
{
	if (value->kind != JSON_KIND_STRING || !json_string_is(value->text, "reconnect"))
		return BAD(r, "advice", "\"advice\" must be \"reconnect\"");
	r->action->reconnect = true;
	return 0;
}

/* --- targets -------------------------------------------------------------------------------- */

static int
read_except(struct action_reader *r, const struct json_value *value)
{
	struct action *a = r->action;
	struct json_walk walk;
	struct json_value element;
	int64_t key;

	if (value->kind != JSON_KIND_ARRAY)
		return BAD(r, "except", "\"except\" must be an array of public ids");
	a->except_at = r->list->except.n / sizeof(key);
	json_walk_begin(&walk, value);
	while (json_walk_element(&walk, &element)) {
		if (action_read_public_id(r, "except", &element, &key) == -1)
			return -1;
		buf_add(&r->list->except, &key, sizeof(key));
		a->except_n++;
	}
	if (r->list->except.failed)
		return action_read_fail(r, "failed", "except", "no memory for these sessions");
	if (a->except_n > 0)
		keys_sort((int64_t *)(void *)r->list->except.p + a->except_at, a->except_n);
	return 0;
}

enum target_field {
	TARGET_SESSION,
	TARGET_ROOM,
	TARGET_USER,
	TARGET_NS,
	TARGET_EXCEPT,
	TARGET_FIELDS,
};

static int
read_target_field(struct action_reader *r, enum target_field field, const struct json_value *value)
{
	switch (field) {
	case TARGET_SESSION:
		return action_read_public_id(r, "session", value, &r->action->session);
	case TARGET_ROOM:
		return action_read_name(r, "room", value, &r->action->room);
	case TARGET_USER:
		return action_read_name(r, "user", value, &r->action->user);
	case TARGET_NS:
		return action_read_ns(r, value);
	case TARGET_EXCEPT:
		return read_except(r, value);
	case TARGET_FIELDS:
		break;
	}
	return -1;
}

static int
read_target_object(struct action_reader *r, const struct json_value *object)
{
	static const char *const names[TARGET_FIELDS] = {
	    [TARGET_SESSION] = "session",
	    [TARGET_ROOM] = "room",
	    [TARGET_USER] = "user",
	    [TARGET_NS] = "ns",
	    [TARGET_EXCEPT] = "except",
	};
	struct json_walk walk;
	struct json_value value;
	struct slice key;
	unsigned seen = 0, whom;

	json_walk_begin(&walk, object);
	while (json_walk_member(&walk, &key, &value)) {
		unsigned i = 0;

		while (i < TARGET_FIELDS && !json_string_is(key, names[i]))
			i++;
		if (i == TARGET_FIELDS)
			return BAD(r, "to", "%.*s is not a field of a target",
			    key.n > 40 ? 40 : (int)key.n, key.p);
		if ((seen & 1u << i) != 0)
			return BAD(r, "to", "\"%s\" is given twice in a target", names[i]);
		seen |= 1u << i;
		if (read_target_field(r, (enum target_field)i, &value) == -1)
			return -1;
	}
	whom = seen & (1u << TARGET_SESSION | 1u << TARGET_ROOM | 1u << TARGET_USER);
	if ((whom & (whom - 1)) != 0)
		return BAD(r, "to", "a target is a session, a room or a user, not several");
	if (whom == 0 && !r->has_ns)
		return BAD(r, "to", "a target must name a session, a room, a user or a namespace");
	if (whom == 1u << TARGET_SESSION && r->action->except_n > 0)
		return BAD(r, "except", "\"except\" cannot be used with \"session\"");
	return 0;
}

int
action_read_target(struct action_reader *r, const struct json_value *value)
{
	r->has_target = true;
	if (value->kind == JSON_KIND_OBJECT)
		return read_target_object(r, value);
	if (value->kind != JSON_KIND_STRING || !json_string_is(value->text, "all"))
		return BAD(r, "to", "\"to\" must be an object or \"all\"");
	r->has_ns = true;
	r->action->ns = SLICE(""); /* where everyone is */
	return 0;
}
