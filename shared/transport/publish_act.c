/* What the publishing interface does: actions, each request once (Idempotency-Key). */
#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/hub/drain.h"
#include "shared/store/idempotency.h"
#include "shared/transport/internal.h"
#include "shared/transport/publish_done.h"
#include "shared/transport/publish_request.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

#define IDEMPOTENCY_MAX 255 /* characters of an Idempotency-Key */

/* Under which key the answer is stored; empty: the client gave none. */
static struct slice
idempotency_key(const struct publish_request *p, struct buf *key)
{
	struct slice given = p->x->header(p->x, "idempotency-key");

	if (given.n == 0)
		return given;
	/* two API keys may use the same one; the name of ours has no line break */
	buf_printf(key, "%s\n", p->key->name);
	buf_add_slice(key, given);
	return buf_slice(key);
}

/* Repeat the answer of the first request with this key.  Return false when there was none. */
static bool
repeat_answer(const struct publish_request *p, struct slice key)
{
	char *before = idempotency_find(hub_store(p->sv->hub), key, p->sv->now);

	if (before == NULL)
		return false;
	/* the first request may be of this very turn, and rolled back with it */
	publish_answer_later(p, slice_of(before));
	free(before);
	return true;
}

/* Run the actions in the open transaction. */
static void
run_publish_actions(
    const struct publish_request *p, const struct action_list *list, struct slice key)
{
	struct action_result result;
	struct action_error error;
	struct buf text = {.p = NULL};

	if (key.n > 0 && repeat_answer(p, key))
		return;
	if (action_run(p->sv->application, list, &result, &error) == -1) {
		publish_answer_action_error(p, &error);
		return;
	}
	buf_printf(
	    &text, "{\"ok\":true,\"actions\":%zu,\"queued\":%zu", result.actions, result.receivers);
	action_result_write(&text, &result);
	buf_add_char(&text, '}');
	/* in the same transaction: the actions and the memory that they ran, or neither */
	if (text.failed)
		transaction_fail(p->sv->hub);
	else if (key.n > 0)
		publish_done_remember(p->sv, key, buf_slice(&text));
	publish_answer_later(p, buf_slice(&text));
	buf_free(&text);
}

static void
publish_actions(const struct publish_request *p, struct slice json, struct slice key)
{
	static const struct action_context no_session = {.count = true};
	struct action_list list;
	struct action_error error;

	/* parsed before the transaction, which keeps the other processes from writing */
	if (action_parse(&list, json, &no_session, &error) == -1)
		publish_answer_action_error(p, &error);
	else if (transaction_open(p->sv->hub) == -1)
		publish_answer_busy(p);
	else
		run_publish_actions(p, &list, key);
	action_free(&list);
}

void
publish_act_post(const struct publish_request *p)
{
	struct buf key = {.p = NULL};

	if (p->x->header(p->x, "idempotency-key").n > IDEMPOTENCY_MAX)
		publish_answer_error(p, 400, NULL, "bad_request",
		    "the Idempotency-Key is longer than 255 characters");
	else
		publish_actions(p, p->x->body, idempotency_key(p, &key));
	buf_free(&key);
}

void
publish_act_disconnect(const struct publish_request *p)
{
	struct buf json = {.p = NULL};
	int64_t key;

	if (sid_public_read(p->rest, &key) == -1) {
		publish_answer_error(
		    p, 404, NULL, "unknown_session", "not the public id of a session");
		return;
	}
	/* read as a public id, so it needs no escaping */
	buf_printf(&json, "{\"do\":\"disconnect\",\"session\":\"%.*s\",\"strict\":true}",
	    (int)p->rest.n, p->rest.p);
	publish_actions(p, buf_slice(&json), (struct slice){NULL, 0});
	buf_free(&json);
}

/* --- taking the machine out of service ------------------------------------------------------- */

#define DRAIN_RATE 50 /* as pollux drain */

/* {"rate":50,"event":"leaving"}; both may be missing, and so may the body.  Return NULL, or what is
 * wrong with it. */
static const char *
parse_drain_body(struct slice json, unsigned *rate, struct buf *event)
{
	struct json_value body, value;
	struct json_walk walk;
	struct slice key;

	*rate = DRAIN_RATE;
	if (json.n == 0)
		return NULL;
	if (json_parse(&body, json) == -1 || body.kind != JSON_KIND_OBJECT)
		return "the body is not a JSON object";
	json_walk_begin(&walk, &body);
	while (json_walk_member(&walk, &key, &value)) {
		if (json_string_is(key, "rate")) {
			if (!slice_number(value.text, 5, DRAIN_RATE_MAX, rate) || *rate == 0)
				return "rate is not a number from 1 to 10000";
		} else if (json_string_is(key, "event") && value.kind == JSON_KIND_STRING) {
			json_string_decode(event, value.text);
		} else {
			return "the body has a member that is neither rate nor event";
		}
	}
	return event->failed ? "no memory" : NULL;
}

static void
answer_drain(const struct publish_request *p, int result, const char *json)
{
	if (result == -1)
		publish_answer_error(
		    p, 503, NULL, "failed", "the state could not be written; the log says why");
	else
		publish_answer_later(p, slice_of(json));
}

void
publish_act_drain(const struct publish_request *p)
{
	struct buf event = {.p = NULL};
	unsigned rate;
	const char *wrong = parse_drain_body(p->x->body, &rate, &event);

	if (wrong != NULL) {
		publish_answer_error(p, 400, NULL, "bad_request", wrong);
	} else if (event.n > 0 && (transaction_open(p->sv->hub) == -1 ||
				      drain_tell(p->sv->hub, buf_slice(&event)) == -1)) {
		publish_answer_busy(p);
	} else {
		/* other processes cannot end anybody before the event is committed */
		log_info("drain: asked for with the key %s", p->key->name);
		answer_drain(p, drain_start(p->sv->hub, rate), "{\"ok\":true,\"draining\":true}");
	}
	buf_free(&event);
}

void
publish_act_drain_cancel(const struct publish_request *p)
{
	log_info("drain: cancelled with the key %s", p->key->name);
	answer_drain(p, drain_stop(p->sv->hub), "{\"ok\":true,\"draining\":false}");
}
