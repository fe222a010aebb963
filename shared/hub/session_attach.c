/* session_attach: a session gets another transport, which takes it over from the one before it,
 * here or in another process, and goes on where that ended. */
#include <inttypes.h>
#include <stdio.h>

#include "shared/hub/drain.h"
#include "shared/hub/follow.h"
#include "shared/hub/internal.h"
#include "shared/hub/publish.h"
#include "shared/store/message_log.h"
#include "shared/store/slots.h"
#include "shared/wire/sid.h"

/* The process that holds a poll may be killed: the session then lives this much longer than its
 * poll could have. */
#define POLL_SLACK_MS 5000

/* End the transport that holds the session now, here or in another process. */
static int
supersede(struct hub *h, struct session *s)
{
	char text[32];
	int n;

	if (s->ops != NULL) {
		held_drop_sink(h, s, SINK_SUPERSEDED);
		return 0;
	}
	n = snprintf(text, sizeof(text), "T%" PRId64, s->row.gen + 1);
	return hub_publish_control(h, s->row.key, s->row.owner, (struct slice){text, (size_t)n});
}

/* The row of the log after which the new transport reads. */
static int64_t
last_seen_row(const struct hub *h, const struct session *s)
{
	const struct session_row *row = &s->row;

	/* a stream got everything as it was sent */
	if (row->state == STORE_NEW || row->streaming)
		return h->head;
	/* the last poll is repeated, since who had it died, or was lost touch with: nothing has
	 * arrived */
	if (s->request != 0 && s->request == row->request)
		return row->cursor;
	/* the client came back, so the last response arrived: go on after it */
	return row->inflight != -1 ? row->inflight : row->cursor;
}

/* Make the session ours in the row; it is written when the turn ends. */
static void
take_over(struct hub *h, struct session *s, enum transport_id transport, bool streaming)
{
	struct session_row *row = &s->row;

	row->cursor = last_seen_row(h, s);
	row->inflight = -1;
	row->request = s->request;
	row->owner = slots_own(store_slots(h->store));
	row->gen++; /* responses and control messages for older transports count no more */
	row->transport = (int)transport;
	row->streaming = streaming;
	row->deadline = h->now + h->o.polling_duration_ms + h->o.close_timeout_ms + POLL_SLACK_MS;
	s->unsaved = true;
}

/* Hand the messages that came while no transport was open to the new one. */
static int
deliver_missed(struct hub *h, struct session *s)
{
	/* what this turn sent is pending already, and in the log too: collect it from there, or it
	 * would come twice */
	held_clear_pending(s);
	held_not_ready(s);
	switch (follow_missed(h, s, s->row.cursor)) {
	case FOLLOW_OK:
		break;
	case FOLLOW_OVERFLOW:
		session_end(h, s, "queue overflow", false);
		return 0;
	case FOLLOW_FAILED:
		return -1;
	}
	/* nothing of what was skipped is for this session: no later poll need look at it again */
	if (s->pending_n == 0)
		s->row.cursor = h->head;
	return 0;
}

/* The sink of a session that has ended gets what is left of it. */
static int
attach_ended(
    struct hub *h, struct session *s, bool streaming, const struct sink_ops *ops, void *sink)
{
	struct session_row *row = &s->row;
	enum sink_end told = row->state == STORE_MOVED ? SINK_MOVED : SINK_DISCONNECTED;
	enum follow_result collected = FOLLOW_OVERFLOW;
	int64_t first;

	if (transaction_open(h) == -1 || message_log_first(h->store, &first) == -1)
		return -1;
	held_drop_sink(h, s, SINK_SUPERSEDED);
	row->cursor = last_seen_row(h, s);
	row->inflight = -1;
	row->request = s->request;
	row->streaming = streaming;
	row->gen++;
	held_attach(h, s, ops, sink);
	/* rows that were trimmed may have been for it: no part of them without the rest */
	if (row->cursor < row->last && row->cursor + 1 >= first) {
		collected = follow_missed(h, s, row->cursor);
		if (collected == FOLLOW_FAILED)
			return -1;
		/* a stream has got it all; of a poll the reservation of its response saves it */
		s->unsaved = !streaming;
		if (streaming && session_row_save(h->store, row) == -1)
			h->failed = true;
	}
	/* the last of what was collected is 0:: or 7:::+0 */
	if (streaming)
		held_drop_sink(h, s, collected == FOLLOW_OK ? SINK_SUPERSEDED : told);
	else if (!s->unsaved || s->pending_n == 0)
		held_drop_sink(h, s, told);
	return 0;
}

void
session_attach_name(struct session *s, int64_t name)
{
	s->request = name;
}

void
session_attach_again(struct hub *h, const struct session *s, int64_t name)
{
	const struct session_row *row = &s->row;

	if (!s->over && !row->streaming && row->inflight != -1 && row->request == name)
		session_undelivered(h, row->key, row->gen);
}

int
session_attach(struct hub *h, struct session *s, enum transport_id transport, bool streaming,
    const struct sink_ops *ops, void *sink)
{
	enum transport_id before = session_transport(s);
	bool first = s->row.state == STORE_NEW, repeat;

	if (streaming)
		s->request = 0;
	if (s->over)
		return attach_ended(h, s, streaming, ops, sink);
	/* catch up first: another process may have ended the session.  Then the old transport goes,
	 * before the row forgets who holds it */
	if (transaction_open(h) == -1 || s->over || supersede(h, s) == -1)
		return -1;
	/* PROTOCOL 14.2: a client that fell back to another transport before it sent anything may
	 * have missed 1:: on the old one */
	repeat = !first && !s->row.spoke && transport != before;
	take_over(h, s, transport, streaming);
	if (!first && transport != before) {
		lifecycle_changed(s, before);
		presence_transport(h, s);
	}
	/* before any other process can see that the session is ours: what it sends must be logged,
	 * and be kept here for the next poll */
	if (!streaming) {
		ring_open(&h->ring, h->head);
		membership_mark_waiting(h, s);
	}
	held_attach(h, s, ops, sink);
	/* who drains a machine watches it */
	if (first && drain_is_on(h) && !sid_is_status(s->row.sid))
		return drain_begin_away(h, s);
	if (first)
		return session_begin(h, s);
	if (drain_is_away(s)) {
		drain_move_soon(h, s);
		if (s->over) /* there are too many */
			return 0;
	}
	if (repeat && hub_publish_session(h, s, SLICE("1::"), false) == -1)
		return -1;
	return deliver_missed(h, s);
}
