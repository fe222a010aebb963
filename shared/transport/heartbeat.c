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

/* They come in the order in which their connections are looked at, and that is mostly one of their
 * deadlines, up or down: so the place of the last one is near. */
static void
insert_by_deadline(struct heartbeat_queue *queue, struct heartbeat *near, struct heartbeat *hb)
{
	struct heartbeat *before = near != NULL ? near : TAILQ_LAST(queue, heartbeat_queue);

	while (before != NULL && before->deadline > hb->deadline)
		before = TAILQ_PREV(before, heartbeat_queue, link);
	if (before == NULL) {
		TAILQ_INSERT_HEAD(queue, hb, link);
		return;
	}
	while (
	    TAILQ_NEXT(before, link) != NULL && TAILQ_NEXT(before, link)->deadline <= hb->deadline)
		before = TAILQ_NEXT(before, link);
	TAILQ_INSERT_AFTER(queue, before, hb, link);
}

void
heartbeat_resume(struct server *sv, struct heartbeat *hb, const struct heartbeat_ops *ops,
    enum heartbeat_state state, int64_t deadline)
{
	int64_t latest;

	heartbeat_start(sv, hb, ops);
	/* a full wait for the answer does no harm; a 2:: that is late may */
	restart_heartbeat(sv, hb, state);
	latest = hb->deadline;
	if (state != HEARTBEAT_BEAT || deadline >= latest)
		return;
	TAILQ_REMOVE(&sv->beating, hb, link);
	hb->deadline = deadline;
	insert_by_deadline(&sv->beating, sv->resumed, hb);
	sv->resumed = hb;
}

void
heartbeat_stop(struct server *sv, struct heartbeat *hb)
{
	if (hb->state == HEARTBEAT_STOPPED)
		return;
	if (sv->resumed == hb)
		sv->resumed = NULL;
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
