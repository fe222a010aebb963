/* session_handover: the stream of a session goes over to another process, with its connection.
 *
 * Between the two the session is like one that polls, between two polls: it belongs to no process,
 * what is sent to it is logged, and who has it next goes on after its cursor.  Whether the other
 * process has taken it is told by its generation, which only attaching raises. */
#include "shared/hub/internal.h"

int
session_handover_give(struct hub *h, struct session *s, int64_t *gen)
{
	const void *sink = s->sink;
	struct session_row *row = &s->row;

	/* catching up may end it, or give it to another transport */
	if (transaction_open(h) == -1 || s->over || s->ops == NULL || s->sink != sink)
		return -1;
	/* before any other process can see that nobody holds it: what is sent must be logged, also
	 * what this process sends itself */
	membership_mark_waiting(h, s);
	/* a stream got everything as it was sent */
	row->cursor = h->head;
	row->inflight = -1;
	row->request = 0;
	row->owner = -1;
	row->streaming = false;
	row->deadline = h->now + h->o.close_timeout_ms;
	s->unsaved = true;
	*gen = row->gen;
	held_detach(h, s);
	return 0;
}

bool
session_handover_waits(const struct session *s, int64_t gen)
{
	return s->row.gen == gen && !s->row.streaming && s->row.owner == -1;
}
