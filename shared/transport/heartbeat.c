#include "shared/transport/heartbeat.h"

#include "shared/transport/internal.h"

static void
restart_heartbeat(struct server *sv, struct heartbeat *hb, enum heartbeat_state state)
{
	bool beat = state == HEARTBEAT_BEAT;

	heartbeat_stop(sv, hb);
	hb->state = state;
	hb->deadline =
	    sv->now + (beat ? sv->cfg->heartbeat_interval_ms : sv->cfg->heartbeat_timeout_ms);
	TAILQ_INSERT_TAIL(beat ? &sv->beating : &sv->waiting, hb, link);
}

void
heartbeat_start(struct server *sv, struct heartbeat *hb, const struct heartbeat_ops *ops)
{
	hb->ops = ops;
	restart_heartbeat(sv, hb, HEARTBEAT_BEAT);
}

void
heartbeat_stop(struct server *sv, struct heartbeat *hb)
{
	if (hb->state == HEARTBEAT_STOPPED)
		return;
	TAILQ_REMOVE(hb->state == HEARTBEAT_BEAT ? &sv->beating : &sv->waiting, hb, link);
	hb->state = HEARTBEAT_STOPPED;
}

void
heartbeat_heard(struct server *sv, struct heartbeat *hb)
{
	/* while the next 2:: is not due, nothing changes: a busy client costs no re-queueing */
	if (hb->state == HEARTBEAT_ANSWER)
		restart_heartbeat(sv, hb, HEARTBEAT_BEAT);
}

bool
heartbeat_is_due(const struct server *sv)
{
	const struct heartbeat *hb = TAILQ_FIRST(&sv->waiting);

	return hb != NULL && hb->deadline <= sv->now;
}

int64_t
heartbeat_expire(struct server *sv)
{
	struct heartbeat *hb;
	int64_t next = INT64_MAX;

	while ((hb = TAILQ_FIRST(&sv->beating)) != NULL && hb->deadline <= sv->now) {
		/* before the beat, in which its owner may end it */
		restart_heartbeat(sv, hb, HEARTBEAT_ANSWER);
		hb->ops->beat(sv, hb);
	}
	if (hb != NULL)
		next = hb->deadline;
	/* after the beats: what was sent just now has its timeout ahead */
	while ((hb = TAILQ_FIRST(&sv->waiting)) != NULL && hb->deadline <= sv->now) {
		heartbeat_stop(sv, hb);
		hb->ops->expired(sv, hb);
	}
	return hb != NULL && hb->deadline < next ? hb->deadline : next;
}

/* The queues stay in order: those to come are due no earlier. */
static void
shorten_heartbeats(struct heartbeat_queue *queue, int64_t latest)
{
	struct heartbeat *hb;

	TAILQ_FOREACH (hb, queue, link)
		if (hb->deadline > latest)
			hb->deadline = latest;
}

void
heartbeat_reload(struct server *sv)
{
	shorten_heartbeats(&sv->beating, sv->now + sv->cfg->heartbeat_interval_ms);
	shorten_heartbeats(&sv->waiting, sv->now + sv->cfg->heartbeat_timeout_ms);
}

static void
drain_heartbeats(struct server *sv, struct heartbeat_queue *queue)
{
	struct heartbeat *hb;

	while ((hb = TAILQ_FIRST(queue)) != NULL) {
		heartbeat_stop(sv, hb);
		hb->ops->drained(sv, hb);
	}
}

void
heartbeat_drain(struct server *sv)
{
	drain_heartbeats(sv, &sv->beating);
	drain_heartbeats(sv, &sv->waiting);
}
