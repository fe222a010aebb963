/* Whole bodies of requests to the hook, and their parts that several kinds share (docs/hook.md,
 * sections 3 and 4). */
#include <inttypes.h>
#include <stdio.h>

#include "shared/hook/internal.h"
#include "shared/store/session_data.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

/* --- events --------------------------------------------------------------------------------- */

void
hook_body_begin_events(struct buf *out, const struct hook *hook)
{
	buf_clear(out);
	buf_puts(out, "{\"v\":1,\"hook\":\"events\",\"node\":");
	json_write_string(out, slice_of(hook->node));
	buf_printf(out, ",\"epoch\":\"%s\",\"events\":[", store_epoch(hub_store(hook->base.hub)));
}

void
hook_body_write_event(struct buf *out, const char *epoch, const struct hook_row *row,
    const char *user, struct slice data)
{
	char id[HOOK_ID_MAX], session[SID_PUBLIC_LENGTH + 1];

	event_id_write(id, epoch, row->id);
	buf_printf(out, "{\"id\":\"%s\",\"time\":%" PRId64, id, row->time);
	/* that of a user says itself which session it is about */
	if (row->key > 0) {
		sid_public_write(session, row->key);
		buf_printf(out, ",\"session\":\"%s\"", session);
	}
	buf_puts(out, ",\"ns\":");
	json_write_string(out, row->ns);
	if (user != NULL) {
		buf_puts(out, ",\"user\":");
		hook_event_write_text(out, slice_of(user));
	}
	if (data.n > 0) {
		buf_puts(out, ",\"data\":{");
		buf_add_slice(out, data);
		buf_add_char(out, '}');
	}
	if (row->ack.p != NULL) {
		buf_puts(out, ",\"ack\":");
		buf_add_slice(out, hook_event_ack_number(row->ack));
	}
	buf_add_char(out, ',');
	buf_add_slice(out, row->body);
	buf_add_char(out, '}');
}

/* --- what is known of a session ------------------------------------------------------------- */

static void
add_body_value(void *arg, struct slice name, struct slice value)
{
	struct buf *out = arg;

	if (out->n > 0)
		buf_add_char(out, ',');
	json_write_string(out, name);
	buf_add_char(out, ':');
	buf_add_slice(out, value);
}

int
hook_body_write_values(struct buf *out, struct hook *hook, int64_t key)
{
	return session_data_list(hub_store(hook->base.hub), key, add_body_value, out);
}

/* --- handshakes ----------------------------------------------------------------------------- */

static bool
is_listed_header(const char *list, struct slice key)
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
write_listed_headers(struct buf *out, const struct json_value *headers, const char *list)
{
	struct json_walk walk;
	struct json_value value;
	struct slice key;
	bool any = false;

	buf_add_char(out, '{');
	json_walk_begin(&walk, headers);
	while (json_walk_member(&walk, &key, &value)) {
		if (!is_listed_header(list, key))
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
hook_body_write_handshake(struct buf *out, struct slice handshake, const char *headers)
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
				write_listed_headers(out, &value, headers);
			else
				buf_add_slice(out, value.text);
		}
	}
	buf_add_char(out, '}');
}
