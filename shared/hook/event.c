/* Events as JSON (docs/hook.md, section 4).  What the client sent stands in it byte for byte. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/hook/internal.h"
#include "shared/wire/handshake.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

/* --- which ----------------------------------------------------------------------------------- */

/* "event:order.*" against order.new */
static bool
name_matches(struct slice pattern, struct slice name)
{
	if (pattern.n > 0 && pattern.p[pattern.n - 1] == '*')
		return slice_starts(name, (struct slice){pattern.p, pattern.n - 1});
	return slice_equal(pattern, name);
}

bool
hook_wants(const char *list, const char *type, struct slice name)
{
	struct slice rest = slice_of(list), item, kind;

	if (list[0] == '\0')
		return true;
	while (slice_cut(&rest, ',', &item)) {
		slice_cut(&item, ':', &kind); /* what follows is left in `item` */
		if (slice_is(kind, type) &&
		    (item.p == NULL || (name.p != NULL && name_matches(item, name))))
			return true;
	}
	return false;
}

/* --- their own members -------------------------------------------------------------------------
 */

static void
add_text(struct buf *out, struct slice text)
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
hook_write_connect(struct buf *out, const char *transport, struct slice query)
{
	buf_printf(out, "\"type\":\"connect\",\"transport\":\"%s\"", transport);
	if (query.n > 0) {
		buf_puts(out, ",\"query\":");
		add_text(out, query);
	}
}

void
hook_write_disconnect(struct buf *out, const char *reason)
{
	buf_puts(out, "\"type\":\"disconnect\",\"reason\":");
	add_text(out, slice_of(reason));
}

void
hook_write_message(struct buf *out, struct slice text)
{
	buf_puts(out, "\"type\":\"message\",\"text\":");
	add_text(out, text);
}

void
hook_write_json(struct buf *out, struct slice value)
{
	buf_puts(out, "\"type\":\"json\",\"value\":");
	buf_add_slice(out, value);
}

void
hook_write_event(struct buf *out, struct slice name, struct slice args)
{
	buf_puts(out, "\"type\":\"event\",\"name\":");
	add_text(out, name);
	buf_puts(out, ",\"args\":");
	buf_add_slice(out, args);
}

void
hook_write_ack(struct buf *out, const char *name, struct slice args)
{
	buf_puts(out, "\"type\":\"ack\",\"name\":");
	add_text(out, slice_of(name));
	buf_puts(out, ",\"args\":");
	buf_add_slice(out, args.p == NULL ? SLICE("[]") : args);
	if (args.p == NULL)
		buf_puts(out, ",\"timed_out\":true");
}

/* --- the whole ---------------------------------------------------------------------------------
 */

void
hook_event_id(char id[HOOK_ID_MAX], const char *epoch, int64_t number)
{
	snprintf(id, HOOK_ID_MAX, "evt_%.24s_%" PRIx64, epoch, (uint64_t)number);
}

struct slice
hook_ack_number(struct slice id)
{
	while (id.n > 1 && id.p[0] == '0')
		id = slice_skip(id, 1);
	return id;
}

void
hook_write_row(struct buf *out, const char *epoch, const struct hook_row *row, const char *user,
    struct slice data)
{
	char id[HOOK_ID_MAX], session[PUBLIC_ID_LENGTH + 1];

	hook_event_id(id, epoch, row->id);
	public_id_write(session, row->key);
	buf_printf(out, "{\"id\":\"%s\",\"time\":%" PRId64 ",\"session\":\"%s\",\"ns\":", id,
	    row->time, session);
	json_write_string(out, row->ns);
	if (user != NULL) {
		buf_puts(out, ",\"user\":");
		add_text(out, slice_of(user));
	}
	if (data.n > 0) {
		buf_puts(out, ",\"data\":{");
		buf_add_slice(out, data);
		buf_add_char(out, '}');
	}
	if (row->ack.p != NULL) {
		buf_puts(out, ",\"ack\":");
		buf_add_slice(out, hook_ack_number(row->ack));
	}
	buf_add_char(out, ',');
	buf_add_slice(out, row->body);
	buf_add_char(out, '}');
}

/* --- handshakes --------------------------------------------------------------------------------
 */

static bool
is_on_list(const char *list, struct slice key)
{
	struct slice rest = slice_of(list), item;
	char name[64];

	while (slice_cut(&rest, ',', &item)) {
		snprintf(name, sizeof(name), "%.*s", (int)(item.n < 60 ? item.n : 60), item.p);
		if (json_string_is(key, name))
			return true;
	}
	return false;
}

static void
write_headers(struct buf *out, const struct json_value *headers, const char *list)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;
	bool any = false;

	buf_add_char(out, '{');
	json_walk_begin(&walk, headers);
	while (json_walk_member(&walk, &key, &value)) {
		if (!is_on_list(list, key))
			continue;
		if (any)
			buf_add_char(out, ',');
		any = true;
		buf_add_slice(out, key);
		buf_add_char(out, ':');
		buf_add_slice(out, value.text);
	}
	buf_add_char(out, '}');
}

void
hook_write_handshake(struct buf *out, struct slice handshake, const char *headers)
{
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;
	bool any = false;

	buf_add_char(out, '{');
	if (json_parse(&all, handshake) == 0 && all.kind == JSON_KIND_OBJECT) {
		json_walk_begin(&walk, &all);
		while (json_walk_member(&walk, &key, &value)) {
			if (any)
				buf_add_char(out, ',');
			any = true;
			buf_add_slice(out, key);
			buf_add_char(out, ':');
			if (json_string_is(key, "headers") && value.kind == JSON_KIND_OBJECT)
				write_headers(out, &value, headers);
			else
				buf_add_slice(out, value.text);
		}
	}
	buf_add_char(out, '}');
}
