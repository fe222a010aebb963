#include "shared/transport/heartbeat.h"

#include "shared/transport/internal.h"

enum {
	DUE_NOTHING,
	DUE_BEAT,
	DUE_ANSWER
};

static struct heartbeat_line *
line_of(struct server *sv, const struct heartbeat *hb)
{
	return hb->due == DUE_BEAT ? &sv->beating : &sv->waiting;
}

static void
wait_for(struct server *sv, struct heartbeat *hb, uint8_t due)
{
	struct heartbeat_line *line;

	heartbeat_stop(sv, hb);
	hb->due = due;
	hb->deadline = sv->now + (due == DUE_BEAT ? sv->cfg->heartbeat_interval_ms
						  : sv->cfg->heartbeat_timeout_ms);
	line = line_of(sv, hb);
	hb->prev = line->last;
	hb->next = NULL;
	if (hb->prev != NULL)
		hb->prev->next = hb;
	else
		line->first = hb;
	line->last = hb;
}

void
heartbeat_start(struct server *sv, struct heartbeat *hb, const struct heartbeat_ops *ops)
{
	hb->ops = ops;
	wait_for(sv, hb, DUE_BEAT);
}

void
heartbeat_stop(struct server *sv, struct heartbeat *hb)
{
	struct heartbeat_line *line = line_of(sv, hb);

	if (hb->due == DUE_NOTHING)
		return;
	if (hb->prev != NULL)
		hb->prev->next = hb->next;
	else
		line->first = hb->next;
	if (hb->next != NULL)
		hb->next->prev = hb->prev;
	else
		line->last = hb->prev;
	hb->due = DUE_NOTHING;
}

void
heartbeat_heard(struct server *sv, struct heartbeat *hb)
{
	if (hb->due == DUE_ANSWER)
		wait_for(sv, hb, DUE_BEAT);
}

int64_t
heartbeats_due(struct server *sv)
{
	struct heartbeat *hb;
	int64_t next = INT64_MAX;

	while ((hb = sv->beating.first) != NULL && hb->deadline <= sv->now) {
		wait_for(sv, hb, DUE_ANSWER);
		hb->ops->beat(sv, hb);
	}
	if (hb != NULL)
		next = hb->deadline;
	while ((hb = sv->waiting.first) != NULL && hb->deadline <= sv->now) {
		heartbeat_stop(sv, hb);
		hb->ops->expired(sv, hb);
	}
	return hb != NULL && hb->deadline < next ? hb->deadline : next;
}

void
heartbeats_drain(struct server *sv)
{
	struct heartbeat *hb;

	while ((hb = sv->beating.first != NULL ? sv->beating.first : sv->waiting.first) != NULL) {
		heartbeat_stop(sv, hb);
		hb->ops->drained(sv, hb);
	}
}
