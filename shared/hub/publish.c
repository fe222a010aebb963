#include "shared/hub/publish.h"

#include "shared/base/buf.h"
#include "shared/hub/channel.h"
#include "shared/hub/follow.h"
#include "shared/hub/history.h"
#include "shared/hub/internal.h"
#include "shared/hub/local.h"
#include "shared/store/message_log.h"
#include "shared/store/room_history.h"
#include "shared/store/slots.h"
#include "shared/store/subscription.h"

/* --- to clients ----------------------------------------------------------------------------- */

/* Append a message to the log.  Out of memory or a failing store: the turn fails. */
static int
append_message(struct hub *h, int64_t chan, int64_t except_key, struct message *m)
{
	struct message_row row = {
	    .chan = chan,
	    .except_key = except_key,
	    .flags = m->is_volatile ? STORE_VOLATILE : 0,
	    .except_more = {(const char *)m->except_more, m->except_n * sizeof(*m->except_more)},
	    .payload = message_text(m),
	};

	if (transaction_open(h) == -1 || message_log_append(h->store, &row, h->now) == -1) {
		h->failed = true;
		return -1;
	}
	m->id = h->head = row.id;
	ring_add(&h->ring, &(struct ring_entry){row.id, chan, except_key, m});
	return 0;
}

int
hub_publish_channel(
    struct hub *h, int64_t chan, int64_t except_key, struct slice packet, bool is_volatile)
{
	return hub_publish_except(h, chan, &except_key, 1, packet, is_volatile);
}

/* May the channel have members on other nodes?  If it has none here it may: a join elsewhere a
 * moment ago is not known yet.  `others`: another process of this node may listen; that is said too
 * often, so the store is asked.  1 or 0; -1: the turn fails. */
static int
channel_leaves(struct hub *h, int64_t chan, bool others)
{
	const struct slots *sl = store_slots(h->store);
	int any;

	if (slots_link_reaches(sl, chan))
		return 1;
	if (slots_link_peers(sl) == 0 || channel_find(h, chan) != NULL)
		return 0;
	if (!others)
		return 1;
	any = subscription_any(h->store, chan);
	if (any == -1) {
		h->failed = true;
		return -1;
	}
	return any == 0;
}

/* `everywhere`: on other nodes, too; `kept`: the row of its history, NULL: it has none. */
static int
publish_to_members(struct hub *h, int64_t chan, const int64_t *except, size_t except_n,
    struct slice packet, bool is_volatile, bool everywhere, const struct room_history *kept)
{
	bool others = slots_others_listen(store_slots(h->store), chan);
	int64_t except_key = except_n == 0 ? 0 : except[0];
	struct slice more = {NULL, 0};
	struct message *m = message_new(packet);
	struct channel *c;
	int result = 0;

	if (except_n > 1)
		more = (struct slice){(const char *)(except + 1), (except_n - 1) * sizeof(*except)};
	if (m == NULL || message_leave_out(m, more) == -1) {
		message_release(m);
		transaction_fail(h);
		return -1;
	}
	m->is_volatile = is_volatile;
	m->part = h->parts.now;
	/* no transaction for a message that stays in this process */
	if (others) {
		result = append_message(h, chan, except_key, m);
		store_wake_listeners(h->store, chan);
	}
	if (everywhere && result == 0)
		result = kept != NULL ? slots_link_peers(store_slots(h->store)) > 0
		                      : channel_leaves(h, chan, others);
	if (result == 1)
		result = link_publish(h, chan, m, except_key, kept);
	/* looked up after the transaction was opened: members may have come and gone by it */
	c = channel_find(h, chan);
	if (result == 0 && c != NULL)
		local_send_all(h, c, except_key, m);
	message_release(m);
	return result;
}

static int
publish_to_channel(struct hub *h, int64_t chan, const int64_t *except, size_t except_n,
    struct slice packet, bool is_volatile, bool everywhere)
{
	struct room_history kept;
	/* before it is decided who gets it: see history.h */
	int has = is_volatile ? 0 : history_find(h, chan, packet, &kept);

	if (has == -1 || (has == 1 && history_add(h, &kept, except, except_n, packet) == -1))
		return -1;
	return publish_to_members(
	    h, chan, except, except_n, packet, is_volatile, everywhere, has == 1 ? &kept : NULL);
}

int
hub_publish_except(struct hub *h, int64_t chan, const int64_t *except, size_t except_n,
    struct slice packet, bool is_volatile)
{
	return publish_to_channel(h, chan, except, except_n, packet, is_volatile, h->o.cluster);
}

int
hub_publish_here(struct hub *h, int64_t chan, const int64_t *except, size_t except_n,
    struct slice packet, bool is_volatile)
{
	return publish_to_channel(h, chan, except, except_n, packet, is_volatile, false);
}

int
hub_publish_session(struct hub *h, struct session *s, struct slice packet, bool is_volatile)
{
	struct message *m;
	int result = 0;

	if (s->over)
		return 0;
	if (held_is_remote(s))
		return link_send(h, s, packet, is_volatile);
	m = message_new(packet);
	if (m == NULL) {
		transaction_fail(h);
		return -1;
	}
	m->is_volatile = is_volatile;
	m->part = h->parts.now;
	/* a poll's messages are logged even if it is held here: they must outlive a response that
	 * does not arrive */
	if (s->ops == NULL || !s->row.streaming) {
		result = append_message(h, s->row.key, 0, m);
		if (s->ops == NULL)
			store_wake_slot(h->store, s->row.owner);
	}
	if (result == 0)
		local_send(h, s, m);
	message_release(m);
	return result;
}

int
hub_publish_packet(struct hub *h, struct session *s, const struct packet *pk)
{
	struct buf text = {.p = NULL};
	int result = -1;

	packet_write(&text, pk);
	if (text.failed)
		transaction_fail(h);
	else
		result = hub_publish_session(h, s, buf_slice(&text), false);
	buf_free(&text);
	return result;
}

/* --- to other processes --------------------------------------------------------------------- */

int
hub_publish_control(struct hub *h, int64_t key, int owner, struct slice text)
{
	struct message_row m = {.chan = key, .flags = STORE_CONTROL, .payload = text};

	if (owner < 0 || owner == slots_own(store_slots(h->store)))
		return 0;
	if (transaction_open(h) == -1 || message_log_append(h->store, &m, h->now) == -1) {
		h->failed = true;
		return -1;
	}
	h->head = m.id;
	ring_add(&h->ring, &(struct ring_entry){.id = m.id, .chan = m.chan});
	store_wake_slot(h->store, owner);
	return 0;
}

int
hub_publish_control_room(struct hub *h, const struct session *s, bool join, struct slice ns,
    struct slice room, struct slice endpoint)
{
	struct buf text = {.p = NULL};
	int result = -1;

	buf_add_char(&text, join ? 'J' : 'L');
	buf_add_slice(&text, ns);
	buf_add_char(&text, (char)(room.p == NULL ? CONTROL_ENDPOINT : CONTROL_ROOM));
	buf_add_slice(&text, room.p == NULL ? endpoint : room);
	if (text.failed)
		transaction_fail(h);
	else
		result = hub_publish_control(h, s->row.key, s->row.owner, buf_slice(&text));
	buf_free(&text);
	return result;
}
