#include "shared/hook/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "shared/base/log.h"
#include "shared/hook/batch.h"
#include "shared/store/slots.h"

#define TICK_MS        1000 /* retry leadership and rescan this often */
#define GATHER_MS      20   /* an event waits this long for others, unless nothing is in flight */
#define BREAK_FAILURES 5    /* in a row open the breaker ... */
#define BREAK_MS       5000 /* ... for this long, until one request probes the hook */
#define RETRY_MAX_S    60
#define LOG_QUIET_MS   60000 /* single failures are logged this often at most */
#define DISCARD_MAX    1000  /* rows deleted in one turn once the hook is off */

enum breaker {
	BREAKER_CLOSED,
	BREAKER_OPEN,    /* nothing is sent until `probe_at` */
	BREAKER_PROBING, /* one request is in flight */
};

struct delivery {
	struct hook *hook;
	struct lanes lanes;
	bool leads, draining;
	bool has_own; /* this process has added events since the last turn */
	bool off;     /* the hook answered 410 */
	int64_t next_tick;
	char epoch[32]; /* of the database that the lanes were read from */
	size_t inflight;
	enum breaker breaker;
	int64_t probe_at, log_at;
	unsigned failures; /* in a row */
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
	/* the probe was cancelled with all other requests */
	if (d->breaker == BREAKER_PROBING)
		d->breaker = BREAKER_OPEN;
}

int64_t
deliver_retry_delay(int attempts, int64_t retry_after_s, unsigned random)
{
	int64_t s = RETRY_MAX_S;

	if (retry_after_s >= 0)
		return (retry_after_s < 3600 ? retry_after_s : 3600) * 1000;
	if (attempts >= 1 && attempts < 7) /* 1 2 4 8 16 32 */
		s = INT64_C(1) << (attempts - 1);
	return s * 750 + (int64_t)(random % 501) * s;
}

/* --- results -------------------------------------------------------------------------------- */

static void
note_success(struct delivery *d)
{
	struct batch *b;

	d->failures = 0;
	if (d->breaker == BREAKER_CLOSED)
		return;
	log_info("hook %s: answers again", hook_http_name(d->hook->http));
	d->breaker = BREAKER_CLOSED;
	/* what was postponed for the outage goes out at once */
	TAILQ_FOREACH (b, &d->lanes.batches, all)
		if (b->state == BATCH_WAITING)
			b->due = 0;
}

/* Log when the breaker opens, and single failures once a minute. */
static void
note_failure(struct delivery *d, const char *error)
{
	int64_t now = delivery_now(d);

	d->failures++;
	if (d->breaker == BREAKER_CLOSED && d->failures >= BREAK_FAILURES)
		log_warnx(
		    "hook %s: %d failures in a row, the last: %s; one request every %d s tries it, "
		    "events are kept",
		    hook_http_name(d->hook->http), BREAK_FAILURES, error, BREAK_MS / 1000);
	else if (d->breaker == BREAKER_CLOSED && now >= d->log_at) {
		d->log_at = now + LOG_QUIET_MS;
		log_warnx("hook %s: %s; queued events are sent again",
		    hook_http_name(d->hook->http), error);
	}
	if (d->failures >= BREAK_FAILURES) {
		d->breaker = BREAKER_OPEN;
		d->probe_at = now + BREAK_MS;
	}
}

static int64_t
retry_at(const struct batch *b, const struct hook_result *result)
{
	unsigned random = 0;

	RAND_bytes((unsigned char *)&random, sizeof(random));
	return hub_now(b->lanes->hook->base.hub) +
	       deliver_retry_delay(b->attempts + 1, result->retry_after_s, random);
}

static bool
may_succeed_later(int status)
{
	return status == 0 || status == 408 || status == 425 || status == 429 || status >= 500;
}

static void
on_events_reply(struct batch *b, const struct hook_result *result)
{
	struct hook *hook = b->lanes->hook;

	if (result->body.n > 0 &&
	    hook_reply_run(hook, b->sent, b->n, result->body, hook->last_error) == -1)
		log_warnx("hook %s: bad reply, its actions are not done: %s",
		    hook_http_name(hook->http), hook->last_error);
	batch_delete_rows(b);
}

/* A status that another attempt would not change. */
static void
on_events_refusal(struct batch *b, const struct hook_result *result)
{
	struct delivery *d = delivery_of(b);

	d->off = result->status == 410;
	log_warnx("hook %s: answered %d: %zu events are dropped%s", hook_http_name(d->hook->http),
	    result->status, b->n,
	    d->off ? ", and all others: it is switched off until the next start" : "");
	batch_delete_rows(b);
}

/* A request has ended.  This runs in a turn, before its commit: the rows change now, the batch in
 * memory only when the commit has succeeded (batch_settle). */
static void
on_events_result(void *arg, const struct hook_result *result)
{
	struct batch *b = arg;
	struct delivery *d = delivery_of(b);
	char error[HOOK_ERROR_MAX];
	bool good = result->status / 100 == 2 && hook_reply_is_good(result->body);

	b->call = NULL;
	b->state = BATCH_SETTLING;
	d->inflight--;
	if (result->status == 0)
		snprintf(error, sizeof(error), "%s", result->error);
	else if (result->status / 100 == 2)
		snprintf(error, sizeof(error), "the reply is not a JSON object");
	else
		snprintf(error, sizeof(error), "answered %d", result->status);
	if (transaction_open(d->hook->base.hub) == -1)
		return; /* batch_settle() sends it again */
	if (good) {
		note_success(d);
		on_events_reply(b, result);
	} else if (result->status / 100 != 2 && !may_succeed_later(result->status)) {
		note_success(d);
		on_events_refusal(b, result);
	} else {
		note_failure(d, error);
		if (b->is_sync && !result->unsent)
			/* it may have been carried out, and a client that waits has no use for
			 * an answer minutes later */
			batch_delete_rows(b);
		else
			batch_postpone_rows(b, retry_at(b, result), error);
	}
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
	hook_event_id(id, store_epoch(hub_store(hook->base.hub)), b->id);
	memcpy(id, "req", 3); /* of the request, not of its first event */
	b->call = b->body.failed ? NULL : hook_http_post(hook->http, &request, on_events_result, b);
	if (b->call == NULL) {
		b->state = BATCH_WAITING;
		b->due = delivery_now(d) + BATCH_AGAIN_MS;
		return;
	}
	b->state = BATCH_INFLIGHT;
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
			if (e->is_sync || ++n == HOOK_BATCH)
				return true;
	return false;
}

/* Send one request if one is due.  False: none is. */
static bool
send_one(struct delivery *d)
{
	bool probing = d->breaker == BREAKER_OPEN;
	struct batch *b = next_waiting(d, !probing);
	bool has_queued = !TAILQ_EMPTY(&d->lanes.ready_queue);

	/* an open breaker lets one request pass, whose result closes it or opens it again */
	if (probing) {
		if (d->inflight > 0 || d->probe_at > delivery_now(d))
			return false;
		d->breaker = BREAKER_PROBING;
	} else if (d->breaker == BREAKER_PROBING && d->inflight > 0) {
		return false;
	}
	/* The oldest first.  But a probe that fails costs a sync event its answer, and a queued one
	 * nothing, so a probe takes queued events where there are some. */
	if (b != NULL && !(probing && b->is_sync && has_queued))
		send_again(d, b);
	else if (!TAILQ_EMPTY(&d->lanes.ready_sync) && !(probing && has_queued))
		send_new(d, &d->lanes.ready_sync);
	else if (has_queued && is_worth_a_request(d))
		send_new(d, &d->lanes.ready_queue);
	else {
		if (probing)
			d->breaker = BREAKER_OPEN;
		return false;
	}
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

	if (d->breaker == BREAKER_OPEN) {
		if (d->inflight == 0 && d->probe_at > now && d->probe_at < due)
			due = d->probe_at;
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
	struct batch *b, *next;

	/* a row that could not be read waits until no request is cancelled by starting again */
	if (strcmp(d->epoch, epoch) != 0 || (d->lanes.stale && d->inflight == 0)) {
		/* in a folder that was replaced the lock is another one: lead anew */
		if (strcmp(d->epoch, epoch) != 0) {
			d->leads = false;
			d->next_tick = 0;
		}
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
	if (d->off)
		return d->lanes.by_key == NULL ? d->next_tick : delivery_now(d);
	while (d->inflight < d->hook->cfg->hook_max_in_flight && send_one(d))
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
deliver_drain(struct delivery *d)
{
	d->draining = true;
}

bool
deliver_is_busy(const struct delivery *d)
{
	return d->inflight > 0;
}
