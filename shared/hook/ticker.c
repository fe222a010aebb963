#include "shared/hook/ticker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/hook/count.h"
#include "shared/hook/internal.h"
#include "shared/hook/outcome.h"
#include "shared/store/timekeeper.h"

/* Of its id: rows of the queue count from 1. */
#define TICK_ID (INT64_C(1) << 62)
/* After its time-out, until which its answer may be on the way. */
#define SETTLE_MS 1000

struct ticker {
	struct hook *hook;
	struct hook_call *call; /* NULL: none is on its way */
	struct hook_sent sent;
	struct buf body;
	unsigned generation; /* of the hook that it was sent to */
	bool off;            /* the hook answered 410 */
};

/* --- the answer ----------------------------------------------------------------------------- */

static void
run_tick_reply(struct ticker *t, struct slice body)
{
	struct hook *hook = t->hook;
	char *thrown = NULL, error[HOOK_ERROR_MAX] = "";

	if (transaction_open(hook->base.hub) == -1) {
		log_limited(LOG_LEVEL_WARN,
		    "hook %s: the actions of a tick are lost: the store cannot be written",
		    hook_http_name(hook->http));
		return;
	}
	if (hook_reply_run(hook, &t->sent, 1, body, &thrown, error) == -1)
		log_limited(LOG_LEVEL_WARN, "hook %s: bad reply to a tick: %s",
		    hook_http_name(hook->http), error);
	else if (thrown != NULL)
		log_limited(LOG_LEVEL_WARN, "hook %s: the handler of a tick failed: %s",
		    hook_http_name(hook->http), thrown);
	free(thrown);
}

static void
on_tick_result(void *arg, const struct hook_result *result)
{
	struct ticker *t = arg;
	struct outcome o;

	t->call = NULL;
	*timekeeper_request(hub_store(t->hook->base.hub)) = 0;
	outcome_judge(&o, result);
	hook_count_took(t->hook, COUNT_HOOK_EVENTS_TOOK, result);
	if (o.kind != OUTCOME_DONE)
		hook_count_failure(t->hook, result);
	t->off = t->off || (result->status == 410 && t->generation == t->hook->generation);
	if (o.kind != OUTCOME_DONE)
		log_limited(LOG_LEVEL_WARN, "hook %s: a tick is lost: %s",
		    hook_http_name(t->hook->http), o.error);
	else if (result->body.n > 0)
		run_tick_reply(t, result->body);
}

/* --- sending -------------------------------------------------------------------------------- */

static void
send_tick(struct ticker *t)
{
	struct hook *hook = t->hook;
	struct store *st = hub_store(hook->base.hub);
	struct hook_row row = {
	    .id = TICK_ID + clock_wall_ms(),
	    .ns = SLICE(""),
	    .ack = {NULL, 0},
	    .time = clock_wall_ms(),
	    .body = SLICE("\"type\":\"tick\""),
	};
	char id[HOOK_ID_MAX];
	struct hook_request request = {
	    .id = id,
	    .kind = "events",
	    .attempt = 1,
	    .once = true,
	    .timeout_ms = hook->cfg->hook_timeout_ms,
	    .now_ms = hub_now(hook->base.hub),
	};
	const struct ns *root = namespace_find(&hook->base, SLICE(""));

	t->sent = (struct hook_sent){.id = row.id, .ns = &root->hub};
	t->generation = hook->generation;
	hook_body_begin_events(&t->body, hook);
	hook_body_write_event(&t->body, store_epoch(st), &row, NULL, (struct slice){NULL, 0});
	buf_puts(&t->body, "]}");
	event_id_write(id, store_epoch(st), row.id);
	memcpy(id, "req", 3);
	request.body = buf_slice(&t->body);
	if (!t->body.failed)
		t->call = hook_http_post(hook->http, &request, on_tick_result, t);
	/* whoever goes on when this process is killed waits for the answer, too */
	if (t->call != NULL)
		*timekeeper_request(st) = request.now_ms + request.timeout_ms + SETTLE_MS;
}

bool
ticker_run(struct ticker *t, int64_t *next_ms)
{
	struct store *st = hub_store(t->hook->base.hub);
	int64_t now = hub_now(t->hook->base.hub), period = t->hook->cfg->hook_tick_ms;
	_Atomic int64_t *due = timekeeper_tick(st, 0);
	int64_t busy = *timekeeper_request(st);

	if (period == 0 || t->off)
		return false;
	/* what is in memory may be of an earlier boot, or of another period */
	if (*due == 0 || *due > now + period)
		*due = now + period;
	*next_ms = *due;
	if (*due > now)
		return false;
	*due += ((now - *due) / period + 1) * period;
	*next_ms = *due;
	if (t->call == NULL &&
	    (busy <= now || busy > now + t->hook->cfg->hook_timeout_ms + SETTLE_MS))
		send_tick(t);
	return true;
}

/* --- opening, closing ----------------------------------------------------------------------- */

bool
ticker_is_busy(const struct ticker *t)
{
	return t->call != NULL;
}

void
ticker_elsewhere(struct ticker *t)
{
	t->off = false;
}

void
ticker_stop(struct ticker *t)
{
	if (t->call == NULL)
		return;
	hook_http_cancel(t->call);
	t->call = NULL;
}

struct ticker *
ticker_open(struct hook *hook)
{
	struct ticker *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->hook = hook;
	return t;
}

void
ticker_close(struct ticker *t)
{
	if (t == NULL)
		return;
	ticker_stop(t);
	buf_free(&t->body);
	free(t);
}
