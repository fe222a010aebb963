/* The log as this process reads and writes it: catching up, publishing, and handing every row to
 * those whose transport is held here. */
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"

/* --- the ring ------------------------------------------------------------------------------- */

void
log_use_ring(struct hub *h)
{
	if (h->ring.entries != NULL)
		return;
	h->ring.entries = calloc(RING_ENTRIES, sizeof(*h->ring.entries));
	h->ring.complete_after = h->head;
}

static struct ring_entry *
ring_at(const struct ring *r, uint64_t position)
{
	return &r->entries[position % RING_ENTRIES];
}

static void
ring_drop_first(struct ring *r)
{
	struct ring_entry *e = ring_at(r, r->first++);

	r->complete_after = e->id;
	if (e->message != NULL)
		r->bytes -= e->message->n;
	message_release(e->message);
}

static void
ring_add(struct hub *h, const struct ring_entry *entry)
{
	struct ring *r = &h->ring;

	if (r->entries == NULL) {
		r->complete_after = entry->id;
		return;
	}
	while (r->end - r->first == RING_ENTRIES || (r->end > r->first && r->bytes > RING_BYTES))
		ring_drop_first(r);
	*ring_at(r, r->end++) = *entry;
	if (entry->message != NULL)
		r->bytes += message_keep(entry->message)->n;
}

void
log_free(struct hub *h)
{
	while (h->ring.end > h->ring.first)
		ring_drop_first(&h->ring);
	free(h->ring.entries);
	h->ring = (struct ring){.entries = NULL};
}

/* What this turn has appended did not happen. */
void
log_roll_back(struct hub *h)
{
	struct ring *r = &h->ring;

	while (r->end > h->mark.ring_end && r->end > r->first) {
		struct ring_entry *e = ring_at(r, --r->end);

		if (e->message != NULL)
			r->bytes -= e->message->n;
		message_release(e->message);
	}
	h->head = h->mark.head;
	if (r->complete_after > h->head)
		r->complete_after = h->head;
}

/* --- one message to one session -------------------------------------------------------------- */

static void
add_pending(struct hub *h, struct session *s, struct message *m)
{
	if (s->pending_n == s->pending_cap) {
		uint32_t cap = s->pending_cap == 0 ? 4 : s->pending_cap * 2;
		struct message **grown = realloc(s->pending, cap * sizeof(struct message *));

		if (grown == NULL) {
			h->failed = true;
			return;
		}
		s->pending = grown;
		s->pending_cap = cap;
	}
	s->pending[s->pending_n++] = message_keep(m);
	s->pending_bytes += m->n;
	if (!s->ready) {
		s->ready = true;
		s->next_ready = h->ready;
		h->ready = s;
	}
}

/* This client calls the namespace by another name ("/chat?x=1"), which its packets must bear.
 * Return a message with one reference of the caller's. */
static struct message *
readdress(const struct session *s, struct message *m)
{
	struct packet pk;
	struct buf text = {.p = NULL};
	struct message *renamed = NULL;

	if (packet_parse(&pk, message_text(m)) == 0)
		for (uint32_t i = 0; i < s->subs_n; i++)
			if (s->subs[i].endpoint != NULL && s->subs[i].ns != NULL &&
			    slice_equal(s->subs[i].ns->name, pk.endpoint)) {
				pk.endpoint = slice_of(s->subs[i].endpoint);
				packet_write(&text, &pk);
				if (!text.failed)
					renamed = message_new(buf_slice(&text));
				break;
			}
	buf_free(&text);
	if (renamed == NULL)
		return message_keep(m);
	renamed->id = m->id;
	return renamed;
}

void
session_deliver(struct hub *h, struct session *s, struct message *m)
{
	struct message *own;

	if (s->ops == NULL)
		return;
	own = s->aliased ? readdress(s, m) : message_keep(m);
	h->sent++;
	hub_show(h, WATCH_OUT, s->row.key, message_text(own));
	if (s->row.streaming)
		s->ops->send(s->sink, own);
	else
		add_pending(h, s, own);
	message_release(own);
}

static void
deliver_to_channel(struct hub *h, struct channel *c, int64_t except_key, struct message *m)
{
	for (uint32_t i = 0; i < c->n; i++) { /* sinks only queue: nobody leaves meanwhile */
		int64_t key = c->members[i].session->row.key;

		if (key != except_key && !message_leaves_out(m, key))
			session_deliver(h, c->members[i].session, m);
	}
}

/* --- control messages between processes ------------------------------------------------------ */

/* What a control message says, by its first byte:
 *	T gen                           a newer transport has taken over
 *	E, X                            the session has ended; X: it may come back
 *	H                               its client was heard of
 *	J ns FF room, J ns FE endpoint  it has joined a room, or the namespace itself
 *	L ns FF room, L ns FE           it has left; the latter: with all rooms of the namespace
 * FE and FF cannot stand in UTF-8. */
static void
control_room(struct hub *h, struct session *s, bool join, struct slice text)
{
	struct slice ns = text;
	struct store_sub sub = {.until = INT64_MAX};
	struct sub *known;

	while (ns.n > 0 && (unsigned char)ns.p[ns.n - 1] < 0xfe)
		ns.n--;
	if (ns.n == 0)
		return;
	if ((unsigned char)ns.p[ns.n - 1] == 0xff)
		sub.room = slice_skip(text, ns.n);
	else if (text.n > ns.n)
		sub.endpoint = slice_skip(text, ns.n);
	ns.n--;
	sub.ns = ns;
	sub.chan = store_channel(ns, sub.room);
	sub.since = h->head;
	known = session_sub(s, sub.chan);
	if (!join && known != NULL) {
		struct hub_ns *left = sub.room.p == NULL ? known->ns : NULL;

		session_remove_sub(h, s, known);
		for (uint32_t i = s->subs_n; left != NULL && i-- > 0;)
			if (s->subs[i].ns == left)
				session_remove_sub(h, s, &s->subs[i]);
	} else if (join && known == NULL) {
		if (session_add_sub(h, s, &sub) == NULL)
			h->failed = true;
		else
			channel_link(h, s, s->subs_n - 1);
	}
}

static void
control(struct hub *h, struct session *s, struct slice text)
{
	char digits[24];

	if (text.n == 0 || s->ops == NULL)
		return;
	switch (text.p[0]) {
	case 'T':
		if (text.n > sizeof(digits))
			return;
		memcpy(digits, text.p + 1, text.n - 1);
		digits[text.n - 1] = '\0';
		if (strtoll(digits, NULL, 10) > s->row.gen)
			session_drop_sink(h, s, SINK_SUPERSEDED);
		break;
	case 'E':
	case 'X':
		s->over = true;
		s->remembered = text.p[0] == 'E';
		session_drop_sink(h, s, text.p[0] == 'E' ? SINK_DISCONNECTED : SINK_LOST);
		break;
	case 'H':
		if (s->ops->heard != NULL)
			s->ops->heard(s->sink);
		break;
	case 'J':
	case 'L':
		control_room(h, s, text.p[0] == 'J', slice_skip(text, 1));
		break;
	}
}

int
log_control(struct hub *h, int64_t key, int owner, struct slice text)
{
	struct store_message m = {.chan = key, .flags = STORE_CONTROL, .payload = text};

	if (owner < 0 || owner == slots_own(store_slots(h->store)))
		return 0;
	if (hub_transaction(h) == -1 || store_append(h->store, &m, h->now) == -1) {
		h->failed = true;
		return -1;
	}
	h->head = m.id;
	ring_add(h, &(struct ring_entry){.id = m.id, .chan = m.chan});
	store_wake_slot(h->store, owner);
	return 0;
}

int
log_control_room(struct hub *h, const struct session *s, bool join, struct slice ns,
    struct slice room, struct slice endpoint)
{
	struct buf text = {.p = NULL};
	int result = -1;

	buf_add_char(&text, join ? 'J' : 'L');
	buf_add_slice(&text, ns);
	buf_add_char(&text, (char)(room.p == NULL ? 0xfe : 0xff));
	buf_add_slice(&text, room.p == NULL ? endpoint : room);
	if (!text.failed)
		result = log_control(h, s->row.key, s->row.owner, buf_slice(&text));
	buf_free(&text);
	return result;
}

/* --- reading --------------------------------------------------------------------------------- */

/* A row of the log as a message, or NULL: out of memory. */
static struct message *
message_of(const struct store_message *row)
{
	struct message *m = message_new(row->payload);

	if (m == NULL)
		return NULL;
	m->id = row->id;
	m->is_volatile = (row->flags & STORE_VOLATILE) != 0;
	if (message_leave_out(m, row->except_more) == -1) {
		message_release(m);
		return NULL;
	}
	return m;
}

static void
on_row(void *arg, const struct store_message *row)
{
	struct hub *h = arg;
	struct ring_entry entry = {row->id, row->chan, row->except_key, NULL};
	struct session *s = row->chan > 0 ? session_at(h, row->chan) : NULL;
	struct channel *c = NULL;

	h->head = row->id;
	if ((row->flags & STORE_CONTROL) != 0) {
		if (s != NULL)
			control(h, s, row->payload);
		ring_add(h, &entry);
		return;
	}
	if (row->chan < 0)
		HASH_FIND(hh, h->channels, &row->chan, sizeof(row->chan), c);
	if (s == NULL && c == NULL && h->ring.entries == NULL) {
		ring_add(h, &entry);
		return; /* nobody here; do not even copy it */
	}
	entry.message = message_of(row);
	if (entry.message == NULL) {
		h->failed = true;
		return;
	}
	if (s != NULL)
		session_deliver(h, s, entry.message);
	if (c != NULL)
		deliver_to_channel(h, c, row->except_key, entry.message);
	ring_add(h, &entry);
	message_release(entry.message);
}

int
log_catch_up(struct hub *h)
{
	int result = store_read(h->store, h->head, on_row, h);

	slots_set_head(store_slots(h->store), h->head);
	return result;
}

/* --- what a poll that opens has missed -------------------------------------------------------- */

struct collector {
	struct hub *h;
	struct session *s;
	size_t n, bytes;
};

static bool
sees(const struct session *s, const struct message *m, int64_t chan, int64_t except_key)
{
	if (chan == s->row.key)
		return true;
	if (except_key == s->row.key || message_leaves_out(m, s->row.key))
		return false;
	for (uint32_t i = 0; i < s->subs_n; i++)
		if (s->subs[i].chan == chan && s->subs[i].since < m->id &&
		    m->id <= s->subs[i].until)
			return true;
	return false;
}

static void
collect(struct collector *c, struct message *m)
{
	c->n++;
	c->bytes += m->n;
	if (c->n <= c->h->o.queue_packets && c->bytes <= c->h->o.queue_bytes)
		session_deliver(c->h, c->s, m);
}

static void
collect_row(void *arg, const struct store_message *row)
{
	struct collector *c = arg;
	struct message *m;

	if ((row->flags & (STORE_CONTROL | STORE_VOLATILE)) != 0)
		return;
	m = message_of(row);
	if (m == NULL) {
		c->h->failed = true;
		return;
	}
	if (sees(c->s, m, row->chan, row->except_key))
		collect(c, m);
	message_release(m);
}

/* Hand everything with id > after to the session's new sink.  Return 0, 1 when more waits than the
 * limits allow, or -1. */
int
log_collect(struct hub *h, struct session *s, int64_t after)
{
	struct collector c = {.h = h, .s = s};
	struct ring *r = &h->ring;
	uint64_t low = r->first, high = r->end;

	if (after >= h->head)
		return 0;
	if ((r->entries == NULL || after < r->complete_after) &&
	    store_read_for(h->store, s->row.key, after,
		r->entries == NULL ? h->head : r->complete_after, collect_row, &c) == -1)
		return -1;
	if (r->entries == NULL)
		goto end;
	while (low < high) { /* the first entry with id > after */
		uint64_t middle = low + (high - low) / 2;

		if (ring_at(r, middle)->id <= after)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint64_t i = low; i < r->end; i++) {
		const struct ring_entry *e = ring_at(r, i);

		if (e->message != NULL && !e->message->is_volatile &&
		    sees(s, e->message, e->chan, e->except_key))
			collect(&c, e->message);
	}
end:
	return c.n > h->o.queue_packets || c.bytes > h->o.queue_bytes;
}

/* --- writing --------------------------------------------------------------------------------- */

static int
append(struct hub *h, int64_t chan, int64_t except_key, struct message *m)
{
	struct store_message row = {
	    .chan = chan,
	    .except_key = except_key,
	    .flags = m->is_volatile ? STORE_VOLATILE : 0,
	    .except_more = {(const char *)m->except_more, m->except_n * sizeof(*m->except_more)},
	    .payload = message_text(m),
	};

	if (hub_transaction(h) == -1 || store_append(h->store, &row, h->now) == -1) {
		h->failed = true;
		return -1;
	}
	m->id = h->head = row.id;
	ring_add(h, &(struct ring_entry){row.id, chan, except_key, m});
	return 0;
}

int
hub_publish(struct hub *h, int64_t chan, int64_t except_key, struct slice packet, bool is_volatile)
{
	return hub_publish_except(h, chan, &except_key, 1, packet, is_volatile);
}

int
hub_publish_except(struct hub *h, int64_t chan, const int64_t *except, size_t except_n,
    struct slice packet, bool is_volatile)
{
	int64_t except_key = except_n == 0 ? 0 : except[0];
	struct slice more = {NULL, 0};
	struct message *m = message_new(packet);
	struct channel *c;
	int result = 0;

	if (except_n > 1)
		more = (struct slice){(const char *)(except + 1), (except_n - 1) * sizeof(*except)};
	if (m == NULL || message_leave_out(m, more) == -1) {
		message_release(m);
		return -1;
	}
	m->is_volatile = is_volatile;
	if (slots_others_listen(store_slots(h->store), chan)) {
		result = append(h, chan, except_key, m);
		store_wake_listeners(h->store, chan);
	}
	HASH_FIND(hh, h->channels, &chan, sizeof(chan), c);
	if (result == 0 && c != NULL)
		deliver_to_channel(h, c, except_key, m);
	message_release(m);
	return result;
}

int
hub_send(struct hub *h, struct session *s, struct slice packet, bool is_volatile)
{
	struct message *m;
	int result = 0;

	if (s->over)
		return 0;
	m = message_new(packet);
	if (m == NULL)
		return -1;
	m->is_volatile = is_volatile;
	if (s->ops == NULL || !s->row.streaming) {
		result = append(h, s->row.key, 0, m);
		if (s->ops == NULL)
			store_wake_slot(h->store, s->row.owner);
	}
	if (result == 0)
		session_deliver(h, s, m);
	message_release(m);
	return result;
}
