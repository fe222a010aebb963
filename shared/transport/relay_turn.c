/* relay_turn: the relay's share of a turn. */
#include "shared/hub/link.h"
#include "shared/store/slots.h"
#include "shared/transport/relayed.h"

#define RETRY_MS 100   /* after a turn that was rolled back */
#define HEIR_MS  30000 /* polls of a process that has died are not held for longer elsewhere */

void
relay_turn_hear(struct server *sv)
{
	/* verdicts come this way without a cluster, too */
	link_hear(sv->hub);
}

/* --- deadlines ------------------------------------------------------------------------------ */

/* No answer has come for RELAY_ANSWER_MS.  A poll may be held for longer, but not while nobody can
 * be reached. */
static void
time_out_forwarded(struct relayed *r)
{
	struct server *sv = r->sv;
	bool was_down = r->link_down;

	r->link_down = !slots_link_is_up(store_slots(hub_store(sv->hub)));
	if (r->is_get && !r->is_streaming && sv->now < r->limit && !(was_down && r->link_down)) {
		relayed_wait(r, &sv->relay->brief, RELAY_ANSWER_MS);
		return;
	}
	relayed_disown(sv, r->id, RELAYED_SAY_GONE);
	relay_fail(r);
}

static void
time_out_relayed(struct relayed *r)
{
	relayed_stop_waiting(r);
	switch (r->state) {
	case RELAYED_LOCATING:
		relay_fail(r);
		break;
	case RELAYED_FORWARDED:
		time_out_forwarded(r);
		break;
	case RELAYED_STREAMING:
		relay_end_stream(r, UNKNOWN_SESSION_PACKET);
		break;
	case RELAYED_WEBSOCKET:
		relay_websocket_end(r, 1000, "", "socket end");
		break;
	case RELAYED_LEFT:
		relayed_free(r);
		break;
	case RELAYED_ANSWERED:
	case RELAYED_HERE:
	case RELAYED_JUDGED:
		break;
	}
}

static int64_t
time_out_queue(struct relayed_queue *queue, int64_t now)
{
	struct relayed *r;

	while ((r = TAILQ_FIRST(queue)) != NULL && r->deadline <= now)
		time_out_relayed(r);
	return r == NULL ? INT64_MAX : r->deadline;
}

static int64_t
first_deadline(const struct relay *rl)
{
	const struct relayed *brief = TAILQ_FIRST(&rl->brief), *quiet = TAILQ_FIRST(&rl->quiet);
	int64_t next = brief == NULL ? INT64_MAX : brief->deadline;

	return quiet != NULL && quiet->deadline < next ? quiet->deadline : next;
}

bool
relay_turn_is_due(const struct server *sv)
{
	const struct relay *rl = sv->relay;

	return rl != NULL && ((!TAILQ_EMPTY(&rl->todo) && rl->retry_at <= sv->now) ||
				 first_deadline(rl) <= sv->now);
}

static void
perform_tasks(struct server *sv)
{
	struct relay *rl = sv->relay;

	if (rl->retry_at > sv->now)
		return;
	while (!TAILQ_EMPTY(&rl->todo) && server_has_store(sv))
		relay_perform(TAILQ_FIRST(&rl->todo));
}

/* An answer for a process that has died goes to the one that has its slot, which sends it back, so
 * that the client's next poll gets it. */
static void
end_heirship(struct server *sv)
{
	struct relay *rl = sv->relay;

	if (rl->heir_until == 0) {
		rl->heir_until = sv->now + HEIR_MS;
	} else if (rl->heir_until <= sv->now) {
		rl->heir_until = INT64_MAX;
		link_await(sv->hub, -1);
	}
}

int64_t
relay_turn_run(struct server *sv)
{
	struct relay *rl = sv->relay;

	if (rl == NULL)
		return INT64_MAX;
	end_heirship(sv);
	time_out_queue(&rl->brief, sv->now);
	time_out_queue(&rl->quiet, sv->now);
	/* the above may have added some */
	perform_tasks(sv);
	return first_deadline(rl);
}

/* --- its end -------------------------------------------------------------------------------- */

/* What was said of it in this turn was not said. */
static void
roll_relayed_back(struct relayed *r)
{
	switch (r->state) {
	case RELAYED_LOCATING:
	case RELAYED_FORWARDED:
	case RELAYED_LEFT:
		if (r->task != RELAYED_NOTHING)
			relayed_plan(r, r->task);
		break;
	case RELAYED_WEBSOCKET:
		/* a text is lost: to the client it is a lost connection, and it reconnects */
		relay_websocket_end(r, 1011, "server busy", "socket error");
		break;
	case RELAYED_STREAMING:
	case RELAYED_ANSWERED:
	case RELAYED_HERE:
	case RELAYED_JUDGED:
		break;
	}
}

int64_t
relay_turn_settle(struct server *sv, bool committed)
{
	struct relay *rl = sv->relay;
	struct relayed *r;

	if (rl == NULL)
		return INT64_MAX;
	while ((r = LIST_FIRST(&rl->unsettled)) != NULL) {
		LIST_REMOVE(r, unsettled);
		r->is_unsettled = false;
		if (!committed)
			roll_relayed_back(r);
		if (r->state == RELAYED_LEFT && !r->is_planned)
			relayed_free(r);
	}
	if (!committed)
		rl->retry_at = sv->now + RETRY_MS;
	if (TAILQ_EMPTY(&rl->todo))
		return INT64_MAX;
	return rl->retry_at > sv->now ? rl->retry_at : sv->now;
}

static void
drain_relayed(struct relayed *r)
{
	switch (r->state) {
	case RELAYED_FORWARDED:
		if (!r->is_get && !r->is_unsettled && !r->is_planned) {
			relay_answer_taken(r);
			break;
		}
		relayed_disown(r->sv, r->id, RELAYED_SAY_GONE);
		relay_fail(r);
		break;
	case RELAYED_LOCATING:
		relay_fail(r);
		break;
	case RELAYED_STREAMING:
		relay_end_stream(r, RECONNECT_PACKET);
		break;
	case RELAYED_WEBSOCKET:
		relay_websocket_end(r, 1001, "server shutdown", "server shutdown");
		break;
	case RELAYED_ANSWERED:
	case RELAYED_HERE:
	case RELAYED_JUDGED:
	case RELAYED_LEFT:
		break;
	}
}

void
relay_turn_drain(struct server *sv)
{
	struct relayed *r, *next;

	if (sv->relay == NULL)
		return;
	for (r = LIST_FIRST(&sv->relay->all); r != NULL; r = next) {
		next = LIST_NEXT(r, all);
		drain_relayed(r);
	}
}
