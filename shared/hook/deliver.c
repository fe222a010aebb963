/* The leader's work: events from the queue to the hook, at least once.  When a request is sent, and
 * what becomes of it: docs/hook.md, section 5. */
#include "shared/hook/lanes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "shared/base/log.h"

#define TICK_MS        1000 /* how often leading is tried, and a look is had for lost wake-ups */
#define GATHER_MS      20   /* an event waits this long for others, unless nothing is under way */
#define BREAK_FAILURES 5    /* in a row, then the hook is left alone ... */
#define BREAK_MS       5000 /* ... for so long, and asked once */
#define RETRY_MAX_S    60
#define SAY_MS         60000 /* single failures are logged this often at most */
#define DISCARD_MAX    1000  /* rows deleted in one turn once the hook is off */

int64_t
hook_retry_delay(int attempts, int64_t retry_after_s, unsigned random)
{
	int64_t s = RETRY_MAX_S;

	if (retry_after_s >= 0)
		return (retry_after_s < 3600 ? retry_after_s : 3600) * 1000;
	if (attempts >= 1 && attempts < 7) /* 1 2 4 8 16 32 */
		s = INT64_C(1) << (attempts - 1);
	return s * 750 + (int64_t)(random % 501) * s;
}

/* --- what comes of it --------------------------------------------------------------------------
 */

static void
note_success(struct deliver *d)
{
	struct batch *b;

	d->failures = 0;
	if (d->breaker == BREAKER_CLOSED)
		return;
	log_info("hook %s: answers again", hook_http_name(d->hook->http));
	d->breaker = BREAKER_CLOSED;
	TAILQ_FOREACH (b, &d->batches, all) /* what has waited for it need not wait longer */
		if (b->state == BATCH_WAITING)
			b->due = 0;
}

/* The log is told when the hook falls silent, and once in a while of events that it fails at. */
static void
note_failure(struct deliver *d, const char *error)
{
	int64_t now = hub_now(d->hook->base.hub);

	d->failures++;
	if (d->breaker == BREAKER_CLOSED && d->failures >= BREAK_FAILURES)
		log_warnx("hook %s: %d failures in a row, the last: %s; it is asked every %d s, "
			  "events are kept",
		    hook_http_name(d->hook->http), BREAK_FAILURES, error, BREAK_MS / 1000);
	else if (d->breaker == BREAKER_CLOSED && now >= d->say_at) {
		d->say_at = now + SAY_MS;
		log_warnx("hook %s: %s; what may wait is sent again", hook_http_name(d->hook->http),
		    error);
	}
	if (d->failures >= BREAK_FAILURES) {
		d->breaker = BREAKER_OPEN;
		d->probe_at = now + BREAK_MS;
	}
}

/* All events of the batch are dealt with. */
static void
finish_rows(struct batch *b)
{
	struct store *st = hub_store(b->d->hook->base.hub);

	memset(b->left, 0, sizeof(b->left));
	for (size_t i = 0; i < b->n; i++)
		if (hook_queue_done(st, b->told[i].id) == -1 ||
		    hook_queue_forget(st, b->told[i].key) == -1)
			hub_fail(b->d->hook->base.hub);
}

/* They are sent again, but for those that have been for too long. */
static void
postpone_rows(struct batch *b, const struct hook_result *result, const char *error)
{
	struct hook *hook = b->d->hook;
	int64_t now = hub_now(hook->base.hub);
	unsigned random = 0, buried = 0;
	int failed = 0;

	RAND_bytes((unsigned char *)&random, sizeof(random));
	b->due = now + hook_retry_delay(b->attempts + 1, result->retry_after_s, random);
	for (size_t i = 0; i < b->n && failed == 0; i++) {
		b->left[i] = b->due - b->told[i].created <= hook->cfg->hook_retry_for_ms;
		if (b->left[i]) {
			failed = hook_queue_retry(hub_store(hook->base.hub), b->told[i].id, b->id,
			    b->attempts + 1, b->due);
		} else {
			failed = send_bury(hook, &b->told[i], error);
			buried++;
		}
	}
	if (buried > 0)
		log_warnx("hook %s: %u events could not be delivered (%s) and are kept aside",
		    hook_http_name(hook->http), buried, error);
	if (failed != 0)
		hub_fail(hook->base.hub);
}

static bool
may_work_later(int status)
{
	return status == 0 || status == 408 || status == 425 || status == 429 || status >= 500;
}

static void
on_reply(struct batch *b, const struct hook_result *result)
{
	struct hook *hook = b->d->hook;

	if (result->body.n > 0 &&
	    hook_reply_run(hook, b->told, b->n, result->body, hook->last_error) == -1)
		log_warnx("hook %s: its reply is not carried out: %s", hook_http_name(hook->http),
		    hook->last_error);
	finish_rows(b);
}

/* A status that trying again would not change. */
static void
on_refusal(struct batch *b, const struct hook_result *result)
{
	struct deliver *d = b->d;

	d->off = result->status == 410;
	log_warnx("hook %s: answered %d: %zu events are dropped%s", hook_http_name(d->hook->http),
	    result->status, b->n,
	    d->off ? ", and all others: it is switched off until the next start" : "");
	finish_rows(b);
}

/* In a turn, before its commit: memory follows when that is done. */
void
deliver_done(void *arg, const struct hook_result *result)
{
	struct batch *b = arg;
	struct deliver *d = b->d;
	char error[HOOK_ERROR_MAX];
	bool good = result->status / 100 == 2 && hook_reply_is_good(result->body);

	b->call = NULL;
	b->state = BATCH_SETTLING;
	d->inflight--;
	if (result->status == 0)
		snprintf(error, sizeof(error), "%s", result->error);
	else if (result->status / 100 == 2)
		snprintf(error, sizeof(error), "its reply is no JSON object");
	else
		snprintf(error, sizeof(error), "answered %d", result->status);
	if (hub_transaction(d->hook->base.hub) == -1)
		return;
	if (good) {
		note_success(d);
		on_reply(b, result);
	} else if (result->status / 100 != 2 && !may_work_later(result->status)) {
		note_success(d);
		on_refusal(b, result);
	} else {
		note_failure(d, error);
		if (b->is_sync && !result->unsent)
			finish_rows(b); /* the client waits for an answer that will not come */
		else
			postpone_rows(b, result, error);
	}
}

/* The turn is over: what was to become of the batch has, or not. */
static void
settle(struct batch *b, bool committed)
{
	struct hook_told before[HOOK_BATCH];
	size_t all = b->n;

	b->state = BATCH_WAITING;
	if (!committed) {
		b->due = hub_now(b->d->hook->base.hub) + DELIVER_AGAIN_MS;
		return;
	}
	memcpy(before, b->told, sizeof(before));
	b->n = 0;
	for (size_t i = 0; i < all; i++) {
		if (b->left[i]) {
			b->told[b->n++] = before[i];
			continue;
		}
		b->d->events--;
		b->d->bytes -= (int64_t)before[i].bytes;
	}
	b->attempts++;
	batch_release(b, before, all);
	if (b->n == 0)
		batch_free(b);
}

/* --- when --------------------------------------------------------------------------------------
 */

/* The batch that has waited long enough, or would be the next. */
static struct batch *
next_waiting(struct deliver *d, bool only_due)
{
	struct batch *b, *soonest = NULL;

	TAILQ_FOREACH (b, &d->batches, all)
		if (b->state == BATCH_WAITING && (soonest == NULL || b->due < soonest->due))
			soonest = b;
	if (soonest != NULL && only_due && soonest->due > hub_now(d->hook->base.hub))
		return NULL;
	return soonest;
}

/* When what is ready has waited long enough for others. */
static int64_t
gathered_at(const struct deliver *d)
{
	return STAILQ_FIRST(&TAILQ_FIRST(&d->ready_queue)->items)->created + GATHER_MS;
}

/* Enough for a request of its own, or somebody waits behind it. */
static bool
is_worth_it(struct deliver *d)
{
	struct lane *lane;
	struct item *e;
	int n = 0;

	if (d->inflight == 0 || gathered_at(d) <= hub_now(d->hook->base.hub))
		return true;
	TAILQ_FOREACH (lane, &d->ready_queue, ready)
		STAILQ_FOREACH (e, &lane->items, next)
			if (e->is_sync || ++n == HOOK_BATCH)
				return true;
	return false;
}

/* Send one request if there is one to be sent. */
static bool
send_one(struct deliver *d)
{
	bool probing = d->breaker == BREAKER_OPEN;
	struct batch *b = next_waiting(d, !probing);

	if (probing) {
		if (d->inflight > 0 || d->probe_at > hub_now(d->hook->base.hub))
			return false;
		d->breaker = BREAKER_PROBING;
	} else if (d->breaker == BREAKER_PROBING && d->inflight > 0) {
		return false;
	}
	if (b != NULL && !(b->is_sync && probing && !TAILQ_EMPTY(&d->ready_queue)))
		send_again(b);
	else if (!TAILQ_EMPTY(&d->ready_sync) && !(probing && !TAILQ_EMPTY(&d->ready_queue)))
		send_new(d, &d->ready_sync);
	else if (!TAILQ_EMPTY(&d->ready_queue) && is_worth_it(d))
		send_new(d, &d->ready_queue);
	else {
		if (probing)
			d->breaker = BREAKER_OPEN;
		return false;
	}
	return true;
}

/* The hook is off: nobody will be told. */
static void
discard(struct deliver *d)
{
	struct store *st = hub_store(d->hook->base.hub);
	struct lane *lane, *next;
	struct item *item;
	int n = 0;

	if (d->lanes == NULL || d->inflight > 0 || hub_transaction(d->hook->base.hub) == -1)
		return;
	HASH_ITER (hh, d->lanes, lane, next) {
		STAILQ_FOREACH (item, &lane->items, next)
			if (n++ > DISCARD_MAX || hook_queue_done(st, item->id) == -1)
				break;
		hook_queue_forget(st, lane->key);
	}
	d->stale = true; /* what is left is read again */
}

static int64_t
next_due(struct deliver *d)
{
	int64_t now = hub_now(d->hook->base.hub), due = d->next_tick;
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
	if (!TAILQ_EMPTY(&d->ready_queue) && gathered_at(d) < due)
		due = gathered_at(d);
	return due > now ? due : now + 1;
}

static void
try_to_lead(struct deliver *d)
{
	if (d->leads || d->draining || !hook_queue_lead(hub_store(d->hook->base.hub)))
		return;
	d->leads = true;
	lanes_forget(d);
}

static void
resign(struct deliver *d)
{
	if (!d->leads)
		return;
	d->leads = false;
	lanes_forget(d);
	hook_queue_resign(hub_store(d->hook->base.hub));
}

void
deliver_run(struct deliver *d)
{
	if (d->leads && d->off)
		discard(d);
}

int64_t
deliver_settled(struct deliver *d, bool committed)
{
	struct store *st = hub_store(d->hook->base.hub);
	int64_t now = hub_now(d->hook->base.hub);
	struct batch *b, *next;

	if (strcmp(d->epoch, store_epoch(st)) != 0 || (d->stale && d->inflight == 0)) {
		lanes_forget(d);
		snprintf(d->epoch, sizeof(d->epoch), "%s", store_epoch(st));
	}
	for (b = TAILQ_FIRST(&d->batches); b != NULL; b = next) {
		next = TAILQ_NEXT(b, all);
		if (b->state == BATCH_SETTLING)
			settle(b, committed);
	}
	if (d->draining && d->inflight == 0)
		resign(d);
	if (now >= d->next_tick || (d->ours && slots_hook_leader(store_slots(st)) == -1))
		try_to_lead(d);
	d->ours = false;
	if (now >= d->next_tick) {
		d->look = true;
		d->next_tick = now + TICK_MS;
	}
	if (!d->leads || d->draining)
		return d->next_tick;
	if (d->look && !store_in_transaction(st))
		lanes_load(d);
	slots_set_hook(store_slots(st), d->events, d->bytes);
	if (d->off)
		return d->lanes == NULL ? d->next_tick : now;
	while (d->inflight < d->hook->cfg->hook_max_in_flight && send_one(d))
		continue;
	return next_due(d);
}

/* --- the rest ----------------------------------------------------------------------------------
 */

struct deliver *
deliver_new(struct hook *hook)
{
	struct deliver *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->hook = hook;
	lanes_init(d);
	return d;
}

void
deliver_stop(struct deliver *d)
{
	d->draining = true;
	resign(d);
}

void
deliver_free(struct deliver *d)
{
	if (d == NULL)
		return;
	lanes_forget(d);
	free(d);
}

void
deliver_look(struct deliver *d, bool ours)
{
	d->look = true;
	d->ours = d->ours || ours;
}

void
deliver_drain(struct deliver *d)
{
	d->draining = true;
}

bool
deliver_is_busy(const struct deliver *d)
{
	return d->inflight > 0;
}
