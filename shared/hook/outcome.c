#include "shared/hook/outcome.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/rand.h>

#include "shared/base/log.h"
#include "shared/hook/count.h"
#include "shared/hook/rows.h"

#define RETRY_MAX_S 60

/* --- judging -------------------------------------------------------------------------------- */

/* A status that asks for the same request later. */
static bool
is_busy_status(const struct hook_result *result)
{
	return result->status == 408 || result->status == 425 || result->status == 429 ||
	       (result->status == 503 && result->retry_after_s >= 0);
}

/* A status by which a web server says that the hook behind it is not there. */
static bool
is_gateway_status(int status)
{
	return status == 502 || status == 503;
}

static void
judge_silence(struct outcome *o, const struct hook_result *result)
{
	snprintf(o->error, sizeof(o->error), "%s", result->error);
	o->reached = !result->no_http;
	o->is_answer = o->reached;
	/* what arrived before the connection broke may be what broke it */
	o->kind = result->unsent ? OUTCOME_LATER : OUTCOME_FAILED;
	o->counts = o->reached;
}

void
outcome_judge(struct outcome *o, const struct hook_result *result)
{
	*o = (struct outcome){.kind = OUTCOME_DONE, .reached = true, .is_answer = true};
	if (result->status == 0) {
		judge_silence(o, result);
		return;
	}
	if (result->status / 100 == 2 && hook_reply_is_good(result->body))
		return;
	snprintf(o->error, sizeof(o->error), "answered %d", result->status);
	if (is_busy_status(result)) {
		o->kind = OUTCOME_LATER;
	} else if (result->status >= 500) {
		o->kind = OUTCOME_FAILED;
		o->counts = !is_gateway_status(result->status);
	} else if (result->status / 100 != 2) {
		o->kind = OUTCOME_REFUSED;
	} else {
		o->kind = OUTCOME_FAILED;
		o->counts = true;
		snprintf(o->error, sizeof(o->error), "the reply is not a JSON object");
	}
}

int64_t
outcome_retry_delay(int attempts, int64_t retry_after_s, unsigned random)
{
	int64_t s = RETRY_MAX_S;

	if (retry_after_s >= 0)
		return (retry_after_s < 3600 ? retry_after_s : 3600) * 1000;
	if (attempts >= 1 && attempts < 7) /* 1 2 4 8 16 32 */
		s = INT64_C(1) << (attempts - 1);
	return s * 750 + (int64_t)(random % 501) * s;
}

static int64_t
retry_at(const struct batch *b, const struct hook_result *result)
{
	unsigned random = 0;

	RAND_bytes((unsigned char *)&random, sizeof(random));
	return hub_now(b->lanes->hook->base.hub) +
	       outcome_retry_delay(b->attempts + 1, result->retry_after_s, random);
}

/* --- what is done --------------------------------------------------------------------------- */

static void
settle_reply(struct batch *b, const struct hook_result *result)
{
	struct hook *hook = b->lanes->hook;
	char *errors[HOOK_BATCH] = {NULL}, *newest = NULL;
	struct rows_dead dead;

	if (result->body.n > 0 &&
	    hook_reply_run(hook, b->sent, b->n, result->body, errors, hook->last_error) == -1) {
		hook_count(hook, COUNT_HOOK_BAD_REPLY, 1);
		log_limited(LOG_LEVEL_WARN, "hook %s: bad reply, its actions are not done: %s",
		    hook_http_name(hook->http), hook->last_error);
	}
	dead = rows_delete_or_keep(b, errors);
	for (size_t i = 0; i < b->n; i++)
		if (errors[i] != NULL)
			newest = errors[i];
	hook_count(hook, COUNT_HOOK_RESULT, dead.n);
	hook_count(hook, COUNT_EVENTS_DEAD, dead.n);
	hook_count(hook, COUNT_EVENTS_HANDLED, b->n - dead.n);
	if (dead.n > 0)
		log_counted(LOG_LEVEL_WARN, dead.n, "events moved to hook_dead",
		    "hook %s: the handler of %s failed: %s", hook_http_name(hook->http), dead.event,
		    newest);
	for (size_t i = 0; i < b->n; i++)
		free(errors[i]);
}

static void
settle_refusal(struct batch *b, const struct hook_result *result)
{
	const char *name = hook_http_name(b->lanes->hook->http), *what = "events dropped";

	hook_count(b->lanes->hook, COUNT_EVENTS_DROPPED, b->n);
	/* lines of their own: they must not be counted as one more of the others */
	if (result->status == 401)
		log_counted(LOG_LEVEL_WARN, b->n, what,
		    "hook %s: answered 401: is [hook] secret the same there, and are both clocks "
		    "right?",
		    name);
	else if (result->status == 410)
		log_counted(LOG_LEVEL_WARN, b->n, what,
		    "hook %s: answered 410: it is switched off until the next start or another "
		    "url, all events "
		    "are dropped",
		    name);
	else
		log_counted(
		    LOG_LEVEL_WARN, b->n, what, "hook %s: answered %d", name, result->status);
	rows_delete(b);
}

static void
settle_failure(struct batch *b, const struct outcome *o, const struct hook_result *result)
{
	struct hook *hook = b->lanes->hook;
	struct rows_dead dead = {.n = 0};
	char *errors[HOOK_BATCH], text[HOOK_ERROR_MAX];

	if (o->kind == OUTCOME_FAILED && b->n > 1) {
		rows_split(b);
	} else if (b->is_sync && !result->unsent) {
		/* it may have been carried out, and a client that waits has no use for an answer
		 * minutes later */
		snprintf(text, sizeof(text), "%s", o->error);
		for (size_t i = 0; i < b->n; i++)
			errors[i] = text;
		dead = rows_delete_or_keep(b, errors);
	} else {
		dead = rows_postpone(b, retry_at(b, result), o->counts && b->n == 1, o->error);
	}
	hook_count(hook, COUNT_EVENTS_DEAD, dead.n);
	if (dead.n > 0)
		log_counted(LOG_LEVEL_WARN, dead.n, "events moved to hook_dead",
		    "hook %s: %s could not be delivered: %s", hook_http_name(hook->http),
		    dead.event, o->error);
}

void
outcome_settle(struct batch *b, const struct outcome *o, const struct hook_result *result)
{
	struct hook *hook = b->lanes->hook;

	/* clients that were slowed may go on, here and elsewhere */
	hook->shares.woken = true;
	hook_queue_drained(hub_store(hook->base.hub));
	switch (o->kind) {
	case OUTCOME_DONE:
		settle_reply(b, result);
		break;
	case OUTCOME_REFUSED:
		settle_refusal(b, result);
		break;
	case OUTCOME_LATER:
	case OUTCOME_FAILED:
		settle_failure(b, o, result);
		break;
	}
}
