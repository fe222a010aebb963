/* What is listed, as JSON. */
#include <inttypes.h>
#include <stdlib.h>

#include "shared/store/listing.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

int64_t
listing_age(const struct listing_session *s, int64_t now_ms)
{
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;
	char digits[24];

	if (json_parse(&all, s->handshake) == -1 || all.kind != JSON_KIND_OBJECT)
		return -1;
	json_walk_begin(&walk, &all);
	while (json_walk_member(&walk, &key, &value)) {
		if (!json_string_is(key, "issued") || value.text.n >= sizeof(digits))
			continue;
		memcpy(digits, value.text.p, value.text.n);
		digits[value.text.n] = '\0';
		return (now_ms - strtoll(digits, NULL, 10)) / 1000;
	}
	return -1;
}

struct slice
listing_transport(const struct listing_session *s)
{
	const char *name =
	    s->state == STORE_NEW ? NULL : transport_name((enum transport_id)s->transport);

	return name == NULL ? SLICE("-") : slice_of(name);
}

void
listing_write_session(struct buf *out, const struct listing_session *s, int64_t now_ms)
{
	char id[PUBLIC_ID_LENGTH + 1];

	public_id_write(id, s->key);
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
	buf_add_char(out, '}');
}

void
listing_write_room(struct buf *out, struct slice ns, struct slice room, int64_t sessions)
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
