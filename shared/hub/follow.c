#include "shared/hub/follow.h"

#include <stdlib.h>
#include <string.h>

#include "shared/hub/channel.h"
#include "shared/hub/internal.h"
#include "shared/hub/local.h"
#include "shared/store/message_log.h"
#include "shared/store/slots.h"
#include "shared/store/subscription.h"

/* --- control messages ----------------------------------------------------------------------- */

/* Read what follows J or L: the namespace ends at the byte that says what the rest is.  `sub`
 * borrows from `text`.  False: malformed. */
static bool
read_control_room(struct slice text, struct subscription *sub)
{
	struct slice ns = text;

	while (ns.n > 0 && (unsigned char)ns.p[ns.n - 1] < CONTROL_ENDPOINT)
		ns.n--;
	if (ns.n == 0)
		return false;
	*sub = (struct subscription){.until = INT64_MAX};
	if ((unsigned char)ns.p[ns.n - 1] == CONTROL_ROOM)
		sub->room = slice_skip(text, ns.n);
	else if (text.n > ns.n)
		sub->endpoint = slice_skip(text, ns.n);
	ns.n--;
	sub->ns = ns;
	sub->chan = message_log_channel(ns, sub->room);
	return true;
}

static void
control_join(struct hub *h, struct session *s, struct subscription *sub)
{
	if (held_sub(s, sub->chan) != NULL)
		return;
	sub->since = h->head;
	if (held_add_sub(h, s, sub) == NULL)
		h->failed = true;
	else
		channel_link(h, s, s->subs_n - 1);
}

static void
control_leave(struct hub *h, struct session *s, const struct subscription *sub)
{
	struct sub *known = held_sub(s, sub->chan);
	struct hub_ns *left;

	if (known == NULL)
		return;
	left = sub->room.p == NULL ? known->ns : NULL;
	held_remove_sub(h, s, known);
	/* backwards: removing moves the last one into the gap */
	for (uint32_t i = s->subs_n; left != NULL && i-- > 0;)
		if (s->subs[i].ns == left)
			held_remove_sub(h, s, &s->subs[i]);
}

static void
control_take_over(struct hub *h, struct session *s, struct slice gen)
{
	char digits[24];

	if (gen.n >= sizeof(digits))
		return;
	memcpy(digits, gen.p, gen.n);
	digits[gen.n] = '\0';
	/* the client may have returned to this process before we read the row */
	if (strtoll(digits, NULL, 10) <= s->row.gen)
		return;
	held_drop_sink(h, s, SINK_SUPERSEDED);
	/* it stays in memory until the end of the turn, in which its client may come back */
	s->stale = true;
}

static void
obey_control(struct hub *h, struct session *s, struct slice text)
{
	struct subscription sub;

	/* the session may have left its sink since the row was written */
	if (text.n == 0 || s->ops == NULL)
		return;
	switch (text.p[0]) {
	case 'T':
		control_take_over(h, s, slice_skip(text, 1));
		break;
	case 'E':
		held_end(h, s, END_REMEMBERED);
		break;
	case 'X':
		held_end(h, s, END_FORGOTTEN);
		break;
	case 'M':
		held_end(h, s, END_MOVED);
		break;
	case 'H':
		if (s->ops->heard != NULL)
			s->ops->heard(s->sink);
		break;
	case 'J':
		if (read_control_room(slice_skip(text, 1), &sub))
			control_join(h, s, &sub);
		break;
	case 'L':
		if (read_control_room(slice_skip(text, 1), &sub))
			control_leave(h, s, &sub);
		break;
	}
}

/* --- catching up ---------------------------------------------------------------------------- */

/* A row of the log as a message, or NULL: out of memory. */
static struct message *
message_from_row(const struct message_row *row)
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
on_log_row(void *arg, const struct message_row *row)
{
	struct hub *h = arg;
	struct ring_entry entry = {row->id, row->chan, row->except_key, NULL};
	struct session *s = row->chan > 0 ? held_find(h, row->chan) : NULL;
	struct channel *c = NULL;

	/* ids leave no gap by themselves */
	if (row->id != h->head + 1 && (h->held > 0 || h->awaited > 0))
		h->gap = true;
	h->head = row->id;
	if ((row->flags & STORE_CONTROL) != 0) {
		if ((row->flags & STORE_LINK) != 0)
			linked_keep(h, row);
		else if (s != NULL)
			obey_control(h, s, row->payload);
		/* the ring has an entry for every row */
		ring_add(&h->ring, &entry);
		return;
	}
	if (row->chan < 0)
		c = channel_find(h, row->chan);
	/* for no session here, and no ring is kept for polls: do not copy it */
	if (s == NULL && c == NULL && h->ring.entries == NULL) {
		ring_add(&h->ring, &entry);
		return;
	}
	entry.message = message_from_row(row);
	if (entry.message == NULL) {
		h->failed = true;
		return;
	}
	if (s != NULL)
		local_send(h, s, entry.message);
	if (c != NULL)
		local_send_all(h, c, row->except_key, entry.message);
	ring_add(&h->ring, &entry);
	message_release(entry.message);
}

int
follow_catch_up(struct hub *h)
{
	int result = message_log_read(h->store, h->head, on_log_row, h);

	slots_set_head(store_slots(h->store), h->head);
	return result;
}

/* --- what a new poll has missed ------------------------------------------------------------- */

struct missed {
	struct hub *h;
	struct session *s;
	size_t n, bytes;
};

static bool
is_for_session(const struct session *s, const struct message *m, int64_t chan, int64_t except_key)
{
	if (chan == s->row.key)
		return true;
	if (except_key == s->row.key || message_leaves_out(m, s->row.key))
		return false;
	return held_covers(s, chan, m->id);
}

static void
add_missed(struct missed *c, struct message *m)
{
	c->n++;
	c->bytes += m->n;
	/* beyond the limits the session ends: count, but do not hold the text in memory */
	if (c->n <= c->h->o.queue_packets && c->bytes <= c->h->o.queue_bytes)
		local_send(c->h, c->s, m);
}

static void
on_missed_row(void *arg, const struct message_row *row)
{
	struct missed *c = arg;
	struct message *m;

	if ((row->flags & (STORE_CONTROL | STORE_VOLATILE)) != 0)
		return;
	m = message_from_row(row);
	if (m == NULL) {
		c->h->failed = true;
		return;
	}
	if (is_for_session(c->s, m, row->chan, row->except_key))
		add_missed(c, m);
	message_release(m);
}

static void
add_missed_of_ring(struct missed *c, const struct ring *r, int64_t after)
{
	for (uint64_t i = ring_after(r, after); i < r->end; i++) {
		const struct ring_entry *e = ring_at(r, i);

		if (e->message != NULL && !e->message->is_volatile &&
		    is_for_session(c->s, e->message, e->chan, e->except_key))
			add_missed(c, e->message);
	}
}

enum follow_result
follow_missed(struct hub *h, struct session *s, int64_t after)
{
	struct missed c = {.h = h, .s = s};
	const struct ring *r = &h->ring;
	bool has_ring = r->entries != NULL;

	if (after >= h->head)
		return FOLLOW_OK;
	/* the older rows from the store, up to where the ring begins; its rows are newer, so the
	 * messages come in log order */
	if ((!has_ring || after < r->complete_after) &&
	    message_log_read_for(h->store, s->row.key, after,
		has_ring ? r->complete_after : h->head, on_missed_row, &c) == -1)
		return FOLLOW_FAILED;
	if (has_ring)
		add_missed_of_ring(&c, r, after);
	if (c.n > h->o.queue_packets || c.bytes > h->o.queue_bytes)
		return FOLLOW_OVERFLOW;
	return FOLLOW_OK;
}
