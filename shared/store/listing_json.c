/* Sessions and rooms of listing.h as JSON. */
#include "shared/store/listing.h"

#include <inttypes.h>

#include "shared/wire/json.h"
#include "shared/wire/sid.h"

void
listing_json_session(struct buf *out, const struct listing_session *s, int64_t now_ms)
{
	char id[SID_PUBLIC_LENGTH + 1];

	sid_public_write(id, s->key);
	buf_printf(out, "{\"id\":\"%s\",\"state\":\"%s\",\"transport\":", id,
	    s->state == STORE_NEW ? "new" : "open");
	if (s->state == STORE_NEW)
		buf_puts(out, "null");
	else
		json_write_string(out, listing_transport(s));
	buf_puts(out, ",\"address\":");
	json_write_string(out, s->address);
	buf_puts(out, ",\"user\":");
	if (s->user.p == NULL)
		buf_puts(out, "null");
	else
		json_write_string(out, s->user);
	buf_printf(out, ",\"age\":%" PRId64 ",\"process\":", listing_age(s, now_ms));
	if (s->owner >= 0)
		buf_printf(out, "%d", s->owner);
	else
		buf_puts(out, "null"); /* between two polls */
	buf_puts(out, ",\"namespaces\":");
	buf_add_slice(out, s->namespaces);
	if (s->node.n > 0) {
		buf_puts(out, ",\"node\":");
		json_write_string(out, s->node);
	} else if (s->node.p != NULL) {
		buf_puts(out, ",\"node\":null");
	}
	if (s->data.p != NULL) {
		buf_puts(out, ",\"data\":");
		buf_add_slice(out, s->data);
	}
	buf_add_char(out, '}');
}

void
listing_json_room(struct buf *out, struct slice ns, struct slice room, int64_t sessions)
{
	buf_puts(out, "{\"ns\":");
	json_write_string(out, ns);
	buf_puts(out, ",\"room\":");
	if (room.p == NULL)
		buf_puts(out, "null");
	else
		json_write_string(out, room);
	buf_printf(out, ",\"sessions\":%" PRId64 "}", sessions);
}

void
listing_json_user(struct buf *out, struct slice user, int64_t sessions)
{
	buf_puts(out, "{\"user\":");
	json_write_string(out, user);
	buf_printf(out, ",\"sessions\":%" PRId64 "}", sessions);
}
