#include "shared/hook/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hook/batch.h"
#include "shared/hook/breaker.h"
#include "shared/hook/count.h"
#include "shared/hook/outcome.h"
#include "shared/store/slots.h"

#define TICK_MS     1000 /* retry leadership and rescan this often */
#define GATHER_MS   20   /* an event waits this long for others, unless nothing is in flight */
#define DISCARD_MAX 1000 /* rows deleted in one turn once the hook is off */

struct delivery {
	struct hook *hook;
	struct lanes lanes;
	bool leads, draining;
	bool has_own; /* this process has added events since the last turn */
	bool off;     /* the hook answered 410 */
	int64_t next_tick;
	char epoch[32]; /* of the database that the lanes were read from */
	unsigned again; /* slots_hook_again() when they were */
	size_t inflight;
	int64_t handled; /* requests that were answered 2xx */
	struct breaker breaker;
	bool ready_next; /* events that are ready have their turn before those that wait */
};

static int64_t
delivery_now(const struct delivery *d)
{
	return hub_now(d->hook->base.hub);
}

static struct delivery *
delivery_of(struct batch *b)
{
	return container_of(b->lanes, struct delivery, lanes);
}

static void
forget_lanes(struct delivery *d)
{
	lanes_forget(&d->lanes);
	d->inflight = 0;
	breaker_cancelled(&d->breaker); /* its probe was, with all other requests */
}

/* --- results -------------------------------------------------------------------------------- */

static void
note_reached(struct delivery *d)
{
	struct batch *b;

	if (!breaker_reached(&d->breaker))
		return;
	log_info("hook %s: answers again", hook_http_name(d->hook->http));
	/* what was postponed for the outage goes out at once */
	TAILQ_FOREACH (b, &d->lanes.batches, all)
		if (b->state == BATCH_WAITING)
			b->due = 0;
}

/* Log when the breaker opens, and other failures once a minute. */
static void
note_failure(struct delivery *d, const struct outcome *o)
{
	int64_t now = delivery_now(d);

	if (!o->reached && breaker_failed(&d->breaker, now))
		log_warnx("hook %s: not reached, %d failures in a row, the last: %s; one request "
			  "every %d s tries it, events are kept",
		    hook_http_name(d->hook->http), BREAKER_FAILURES, o->error, BREAKER_MS / 1000);
	else if (d->breaker.state == BREAKER_CLOSED)
		log_limited(LOG_LEVEL_WARN, "hook %s: %s; queued events are sent again",
		    hook_http_name(d->hook->http), o->error);
}

/* A gateway's error or a broken connection says that the hook is not there, or that this event
 * breaks it.  If the hook has handled another request since, it is there. */
static void
judge_event(struct delivery *d, struct batch *b, struct outcome *o)
{
	if (o->kind == OUTCOME_DONE)
		d->handled++;
	else if (o->kind == OUTCOME_FAILED && d->handled > b->handled)
		o->counts = true;
	b->handled = d->handled;
}

/* A request has ended.  This runs in a turn, before its commit: the rows change now, the batch in
 * memory only when the commit has succeeded (batch_settle). */
static void
on_events_result(void *arg, const struct hook_result *result)
{
	struct batch *b = arg;
	struct delivery *d = delivery_of(b);
	struct outcome o;

	b->call = NULL;
	b->state = BATCH_SETTLING;
	d->inflight--;
	outcome_judge(&o, result);
	hook_count_took(d->hook, COUNT_HOOK_EVENTS_TOOK, result);
	if (o.kind != OUTCOME_DONE)
		hook_count_failure(d->hook, result);
	judge_event(d, b, &o);
	for (size_t i = 0; i < b->n && o.is_answer; i++)
		pace_measure(&d->lanes.pace, b->sent[i].kind, b->n, delivery_now(d) - b->sent_at);
	if (o.reached)
		note_reached(d);
	if (transaction_open(d->hook->base.hub) == -1)
		return; /* batch_settle() sends it again */
	if (o.kind == OUTCOME_LATER || o.kind == OUTCOME_FAILED)
		note_failure(d, &o);
	d->off = d->off || result->status == 410;
	outcome_settle(b, &o, result);
}

/* --- sending -------------------------------------------------------------------------------- */

static void
send_batch(struct delivery *d, struct batch *b)
{
	struct hook *hook = d->hook;
	char id[HOOK_ID_MAX];
	struct hook_request request = {
	    .id = id,
	    .kind = "events",
	    .attempt = b->attempts + 1,
	    .timeout_ms = hook->cfg->hook_timeout_ms,
	    .now_ms = delivery_now(d),
	    .last_error = hook->last_error[0] == '\0' ? NULL : hook->last_error,
	};

	buf_puts(&b->body, "]}");
	request.body = buf_slice(&b->body);
	/* of the request, not of its first event; and an event that is sent alone is not the
	 * request that it was the first of */
	event_id_write(id, store_epoch(hub_store(hook->base.hub)), b->id < 0 ? -b->id : b->id);
	memcpy(id, b->id < 0 ? "one" : "req", 3);
	b->call = b->body.failed ? NULL : hook_http_post(hook->http, &request, on_events_result, b);
	if (b->call == NULL) {
		b->state = BATCH_WAITING;
		b->due = delivery_now(d) + BATCH_AGAIN_MS;
		return;
	}
	b->state = BATCH_INFLIGHT;
	b->sent_at = delivery_now(d);
	if (b->handled == -1)
		b->handled = d->handled;
	d->inflight++;
	hook->last_error[0] = '\0';
}

/* How many lanes of the list go into the next request.  Clients wait for the answers to sync
 * events, so these share a request only when there are more lanes than requests to spare: none
 * waits for another's answer, or loses its own by another's failure. */
static size_t
lanes_per_request(const struct delivery *d, const struct lane_list *list)
{
	size_t room = d->hook->cfg->hook_max_in_flight - d->inflight, n = 0;
	const struct lane *lane;

	if (list != &d->lanes.ready_sync)
		return HOOK_BATCH;
	TAILQ_FOREACH (lane, list, ready)
		if (++n == HOOK_BATCH * room)
			break;
	return (n + room - 1) / room;
}

static void
send_new(struct delivery *d, struct lane_list *list)
{
	struct batch *b = batch_fill(&d->lanes, list, lanes_per_request(d, list));

	if (b != NULL)
		send_batch(d, b);
}

static void
send_again(struct delivery *d, struct batch *b)
{
	if (batch_refill(b) == 0)
		send_batch(d, b);
}

/* The batch to be sent again first; `only_due`: if it is due. */
static struct batch *
next_waiting(struct delivery *d, bool only_due)
{
	struct batch *b, *soonest = NULL;

	TAILQ_FOREACH (b, &d->lanes.batches, all)
		if (b->state == BATCH_WAITING && (soonest == NULL || b->due < soonest->due))
			soonest = b;
	if (soonest != NULL && only_due && soonest->due > delivery_now(d))
		return NULL;
	return soonest;
}

/* When the first event has waited long enough for others to share its request. */
static int64_t
gathered_at(const struct delivery *d)
{
	return STAILQ_FIRST(&TAILQ_FIRST(&d->lanes.ready_queue)->events)->created + GATHER_MS;
}

/* Are there enough events for a request, or does a client wait for the answer to one that is queued
 * after them? */
static bool
is_worth_a_request(struct delivery *d)
{
	struct lane *lane;
	struct queued_event *e;
	int n = 0;

	if (d->inflight == 0 || gathered_at(d) <= delivery_now(d))
		return true;
	TAILQ_FOREACH (lane, &d->lanes.ready_queue, ready)
		STAILQ_FOREACH (e, &lane->events, next)
			if (e->is_sync || e->is_alone || ++n == HOOK_BATCH)
				return true;
	return false;
}

/* Send a batch again.  A probe that fails costs a sync event its answer, and a queued one nothing,
 * so a probe takes queued events where there are some. */
static bool
send_waiting(struct delivery *d, bool probing)
{
	struct batch *b = next_waiting(d, !probing);

	if (b == NULL || (probing && b->is_sync && !TAILQ_EMPTY(&d->lanes.ready_queue)))
		return false;
	send_again(d, b);
	return true;
}

static bool
send_ready(struct delivery *d, bool probing)
{
	bool has_queued = !TAILQ_EMPTY(&d->lanes.ready_queue);

	if (!TAILQ_EMPTY(&d->lanes.ready_sync) && !(probing && has_queued))
		send_new(d, &d->lanes.ready_sync);
	else if (has_queued && is_worth_a_request(d))
		send_new(d, &d->lanes.ready_queue);
	else
		return false;
	return true;
}

/* Send one request if one is due.  False: none is. */
static bool
send_one(struct delivery *d)
{
	bool probing = d->breaker.state == BREAKER_OPEN;

	if (!breaker_allows(&d->breaker, d->inflight, delivery_now(d)))
		return false;
	/* by turns, so that events that fail again and again hold up none that are new; probes,
	 * too, or one event by which the connection breaks would keep the breaker open */
	if (d->ready_next && send_ready(d, probing))
		d->ready_next = false;
	else if (send_waiting(d, probing))
		d->ready_next = true;
	else if (!d->ready_next && send_ready(d, probing))
		d->ready_next = false;
	else
		return false;
	breaker_sent(&d->breaker);
	return true;
}

/* The hook is off: delete what waits. */
static void
discard_events(struct delivery *d)
{
	struct store *st = hub_store(d->hook->base.hub);
	struct lane *lane, *next;
	struct queued_event *e;
	int n = 0;

	if (d->lanes.by_key == NULL || d->inflight > 0 || transaction_open(d->hook->base.hub) == -1)
		return;
	HASH_ITER (hh, d->lanes.by_key, lane, next) {
		STAILQ_FOREACH (e, &lane->events, next)
			if (n++ > DISCARD_MAX || hook_queue_done(st, e->id) == -1)
				break;
		hook_queue_forget(st, lane->key);
	}
	d->lanes.stale = true; /* read again what is left */
}

static int64_t
next_delivery_due(struct delivery *d)
{
	int64_t now = delivery_now(d), due = d->next_tick;
	struct batch *b = next_waiting(d, false);

	if (d->lanes.stale) {
		/* starting again waits for the answers, which wake us */
		if (d->inflight == 0 && d->lanes.stale_until < due)
			due = d->lanes.stale_until;
		return due > now ? due : now + 1;
	}
	if (d->breaker.state == BREAKER_OPEN) {
		if (d->inflight == 0 && d->breaker.probe_at > now && d->breaker.probe_at < due)
			due = d->breaker.probe_at;
		return due;
	}
	if (d->inflight >= d->hook->cfg->hook_max_in_flight)
		return due;
	if (b != NULL && b->due < due)
		due = b->due;
	if (!TAILQ_EMPTY(&d->lanes.ready_queue) && gathered_at(d) < due)
		due = gathered_at(d);
	return due > now ? due : now + 1;
}

static void
try_to_lead(struct delivery *d)
{
	if (d->leads || d->draining || !hook_queue_lead(hub_store(d->hook->base.hub)))
		return;
	d->leads = true;
	d->again = slots_hook_again(store_slots(hub_store(d->hook->base.hub)));
	forget_lanes(d);
}

static void
resign_leadership(struct delivery *d)
{
	if (!d->leads)
		return;
	d->leads = false;
	forget_lanes(d);
	hook_queue_resign(hub_store(d->hook->base.hub));
}

void
deliver_run(struct delivery *d)
{
	if (d->leads && d->off)
		discard_events(d);
}

/* The lanes must follow the rows: what the turn has done to batches, and a database made anew. */
static void
follow_rows(struct delivery *d, bool committed)
{
	const char *epoch = store_epoch(hub_store(d->hook->base.hub));
	bool is_new = strcmp(d->epoch, epoch) != 0;
	unsigned again = slots_hook_again(store_slots(hub_store(d->hook->base.hub)));
	struct batch *b, *next;

	if (d->leads && again != d->again) {
		/* `pollux events` has changed rows; who does that knows that the hook is back */
		d->again = again;
		d->lanes.stale = true;
		d->off = false;
		(void)breaker_reached(&d->breaker);
	}

	if (is_new) {
		/* in a folder that was replaced the lock is another one: lead anew */
		d->leads = false;
		d->next_tick = 0;
	}
	/* a row that could not be read waits until no request is cancelled by starting again */
	if (is_new ||
	    (d->lanes.stale && d->inflight == 0 && delivery_now(d) >= d->lanes.stale_until)) {
		forget_lanes(d);
		snprintf(d->epoch, sizeof(d->epoch), "%s", epoch);
	}
	for (b = TAILQ_FIRST(&d->lanes.batches); b != NULL; b = next) {
		next = TAILQ_NEXT(b, all);
		if (b->state == BATCH_SETTLING)
			batch_settle(b, committed);
	}
}

/* Leadership is tried once a tick, and at once by a process that has events while none leads. */
static void
change_leader(struct delivery *d)
{
	struct store *st = hub_store(d->hook->base.hub);
	int64_t now = delivery_now(d);

	if (d->draining && d->inflight == 0)
		resign_leadership(d);
	if (now >= d->next_tick || (d->has_own && slots_hook_leader(store_slots(st)) == -1))
		try_to_lead(d);
	d->has_own = false;
	if (now >= d->next_tick) {
		d->lanes.rescan = true; /* a wake-up may have been lost */
		d->next_tick = now + TICK_MS;
	}
}

int64_t
deliver_settled(struct delivery *d, bool committed)
{
	struct store *st = hub_store(d->hook->base.hub);

	/* first: settled batches free their lanes, whose next events can be sent below; and it may
	 * forget the lanes, which are then loaded anew */
	follow_rows(d, committed);
	change_leader(d);
	if (!d->leads || d->draining)
		return d->next_tick;
	/* rows of a transaction that is still open may be rolled back */
	if (d->lanes.rescan && !store_in_transaction(st) && lanes_load(&d->lanes) == -1)
		forget_lanes(d);
	/* the true count: hook_queue_add() adds to it even in turns that are rolled back */
	slots_set_hook(store_slots(st), d->lanes.events, d->lanes.bytes);
	slots_set_hook_state(store_slots(st), d->off ? HOOK_STATE_OFF
					      : d->breaker.state == BREAKER_CLOSED
						  ? HOOK_STATE_SENT
						  : HOOK_STATE_PAUSED);
	if (d->off)
		return d->lanes.by_key == NULL ? d->next_tick : delivery_now(d);
	while (!d->lanes.stale && d->inflight < d->hook->cfg->hook_max_in_flight && send_one(d))
		continue;
	return next_delivery_due(d);
}

/* --- opening, closing ----------------------------------------------------------------------- */

struct delivery *
deliver_open(struct hook *hook)
{
	struct delivery *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->hook = hook;
	lanes_init(&d->lanes, hook);
	return d;
}

void
deliver_stop(struct delivery *d)
{
	d->draining = true;
	resign_leadership(d);
}

void
deliver_close(struct delivery *d)
{
	if (d == NULL)
		return;
	forget_lanes(d);
	free(d);
}

void
deliver_rescan(struct delivery *d, bool ours)
{
	d->lanes.rescan = true;
	d->has_own = d->has_own || ours;
}

void
deliver_elsewhere(struct delivery *d)
{
	struct batch *b;

	d->off = false;
	/* what failed at the old place says nothing of the new one */
	(void)breaker_reached(&d->breaker);
	TAILQ_FOREACH (b, &d->lanes.batches, all)
		if (b->state == BATCH_WAITING)
			b->due = 0;
}

void
deliver_drain(struct delivery *d)
{
	d->draining = true;
}

bool
deliver_is_busy(const struct delivery *d)
{
	return d->inflight > 0;
}
