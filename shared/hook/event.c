/* The members of one event as JSON (docs/hook.md, section 4).  What the client sent passes byte for
 * byte. */
#include <inttypes.h>
#include <stdio.h>

#include "shared/hook/internal.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

/* --- which events are reported -------------------------------------------------------------- */

bool
hook_event_is_wanted(const char *list, const char *type, struct slice name)
{
	struct slice rest = slice_of(list), item, kind;

	if (list[0] == '\0')
		return true;
	while (slice_cut(&rest, ',', &item)) {
		slice_cut(&item, ':', &kind); /* leaves the rest in `item` */
		if (slice_is(kind, type) &&
		    (item.p == NULL || (name.p != NULL && slice_matches(name, item))))
			return true;
	}
	return false;
}

static bool
is_event_word(struct slice word)
{
	static const char *const types[] = {"connect", "disconnect", "message", "json", "event",
	    "ack", "timer", "user_connect", "user_disconnect"};
	struct slice type;

	slice_cut(&word, ':', &type);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (slice_is(type, types[i])) /* only events have names */
			return word.p == NULL || slice_is(type, "event");
	return false;
}

bool
hook_event_list_is_valid(const char *list, struct slice *wrong)
{
	struct slice rest = slice_of(list);

	while (list[0] != '\0' && slice_cut(&rest, ',', wrong))
		if (!is_event_word(*wrong))
			return false;
	return true;
}

/* --- the members of each type --------------------------------------------------------------- */

void
hook_event_write_text(struct buf *out, struct slice text)
{
	struct buf clean = {.p = NULL};

	if (utf8_valid(text)) {
		json_write_string(out, text);
		return;
	}
	utf8_sanitize(&clean, text);
	json_write_string(out, buf_slice(&clean));
	out->failed = out->failed || clean.failed;
	buf_free(&clean);
}

void
hook_event_write_connect(struct buf *out, const char *transport, struct slice query)
{
	buf_printf(out, "\"type\":\"connect\",\"transport\":\"%s\"", transport);
	if (query.n > 0) {
		buf_puts(out, ",\"query\":");
		hook_event_write_text(out, query);
	}
}

void
hook_event_write_disconnect(struct buf *out, const char *reason)
{
	buf_puts(out, "\"type\":\"disconnect\",\"reason\":");
	hook_event_write_text(out, slice_of(reason));
}

void
hook_event_write_message(struct buf *out, struct slice text)
{
	buf_puts(out, "\"type\":\"message\",\"text\":");
	hook_event_write_text(out, text);
}

void
hook_event_write_json(struct buf *out, struct slice value)
{
	buf_puts(out, "\"type\":\"json\",\"value\":");
	buf_add_slice(out, value);
}

void
hook_event_write_named(struct buf *out, struct slice name, struct slice args)
{
	buf_puts(out, "\"type\":\"event\",\"name\":");
	hook_event_write_text(out, name);
	buf_puts(out, ",\"args\":");
	buf_add_slice(out, args);
}

void
hook_event_write_ack(struct buf *out, const struct ack_row *ack, struct slice args)
{
	buf_puts(out, "\"type\":\"ack\",\"name\":");
	hook_event_write_text(out, slice_of(ack->handler));
	if (ack->context != NULL) {
		buf_puts(out, ",\"context\":");
		buf_puts(out, ack->context);
	}
	buf_puts(out, ",\"args\":");
	buf_add_slice(out, args.p == NULL ? SLICE("[]") : args);
	if (args.p == NULL)
		buf_puts(out, ",\"timed_out\":true");
}

void
hook_event_write_timer(struct buf *out, struct slice name, struct slice context)
{
	buf_puts(out, "\"type\":\"timer\",\"name\":");
	hook_event_write_text(out, name);
	if (context.p != NULL) {
		buf_puts(out, ",\"context\":");
		buf_add_slice(out, context);
	}
}

void
hook_event_write_user(
    struct buf *out, int64_t key, struct slice user, bool arrives, struct slice data)
{
	char session[SID_PUBLIC_LENGTH + 1];

	sid_public_write(session, key);
	buf_printf(out,
	    "\"type\":\"user_%s\",\"session\":\"%s\",\"user\":", arrives ? "connect" : "disconnect",
	    session);
	hook_event_write_text(out, user);
	if (data.n > 0) {
		buf_puts(out, ",\"data\":{");
		buf_add_slice(out, data);
		buf_add_char(out, '}');
	}
}

/* --- for the log ---------------------------------------------------------------------------- */

void
hook_event_plain(char *out, size_t size, struct slice text)
{
	struct buf clean = {.p = NULL};
	size_t n;

	utf8_sanitize(&clean, text);
	n = clean.n < size ? clean.n : size - 1;
	/* not in the middle of a character */
	while (n > 0 && n < clean.n && ((unsigned char)clean.p[n] & 0xc0) == 0x80)
		n--;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)clean.p[i] < 0x20 || clean.p[i] == 0x7f ? '?' : clean.p[i];
	out[n] = '\0';
	buf_free(&clean);
}

void
hook_event_describe(char text[HOOK_EVENT_TEXT], struct slice ns, struct slice members)
{
	struct buf object = {.p = NULL}, type = {.p = NULL}, name = {.p = NULL};
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;
	char names[HOOK_EVENT_TEXT / 2], namespaces[HOOK_EVENT_TEXT / 4];

	buf_add_char(&object, '{');
	buf_add_slice(&object, members);
	buf_add_char(&object, '}');
	if (!object.failed && json_parse(&all, buf_slice(&object)) == 0) {
		json_walk_begin(&walk, &all);
		while (json_walk_member(&walk, &key, &value)) {
			if (json_string_is(key, "type"))
				json_string_decode(&type, value.text);
			else if (json_string_is(key, "name"))
				json_string_decode(&name, value.text);
		}
	}
	hook_event_plain(names, sizeof(names), buf_slice(&name));
	hook_event_plain(namespaces, sizeof(namespaces), ns);
	snprintf(text, HOOK_EVENT_TEXT, "%.*s%s%s%s of \"%s\"", (int)type.n,
	    type.n == 0 ? "" : type.p, name.n == 0 ? "" : " \"", name.n == 0 ? "" : names,
	    name.n == 0 ? "" : "\"", namespaces);
	buf_free(&object);
	buf_free(&type);
	buf_free(&name);
}

/* --- ids ------------------------------------------------------------------------------------ */

struct slice
hook_event_ack_number(struct slice id)
{
	while (id.n > 1 && id.p[0] == '0')
		id = slice_skip(id, 1);
	return id;
}
