/* Questions to the hook (docs/hook.md, section 3): may a session be made, or join a namespace? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "shared/base/log.h"
#include "shared/hook/count.h"
#include "shared/hook/internal.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

#define QUESTIONS_MAX 1000 /* in flight or waiting; beyond this the client is told to try again */

/* A session that wants to join a namespace. */
struct joining {
	int64_t key;
	struct hub_ns *ns;
	struct slice endpoint, query; /* owned, in one block with the question */
};

struct hook_question {
	struct application_question base; /* first: what the caller holds */
	TAILQ_ENTRY(hook_question) all;   /* those in flight come first */
	struct hook_call *call;           /* NULL: it waits for a free place */
	unsigned generation;              /* of the hook that was asked */
	int64_t key, deadline;            /* the deadlines of those that wait ascend */
	char id[HOOK_ID_MAX];
	unsigned char digest[HOOK_DIGEST_LEN]; /* for the cache */
	struct buf body;
	application_verdict *done;
	void *arg; /* of `done`: the caller's, or the question itself */
	struct joining joining;
	char texts[];
};

/* --- asking --------------------------------------------------------------------------------- */

static void
free_question(struct hook_question *q)
{
	struct hook *hook = hook_of(q->base.application);

	TAILQ_REMOVE(&hook->questions, q, all);
	hook->questions_n--;
	if (q->call != NULL) {
		hook_http_cancel(q->call);
		hook->asked_n--;
	}
	buf_free(&q->body);
	free(q);
}

/* Pass the verdict on, with what the hook granted: `a`, which is empty after a refusal. */
static void
conclude_question(struct hook_question *q, int verdict, struct hook_admission *a)
{
	struct hook *hook = hook_of(q->base.application);
	application_verdict *done = q->done;
	struct slice transports = {NULL, 0};

	if (a != NULL && a->transports != NULL)
		transports = slice_of(a->transports);
	/* session_create() and membership_accept() call back for it (hook_on_created,
	 * hook_on_connected) */
	hook->admission = verdict == 0 ? a : NULL;
	done(q->arg, verdict, transports);
	hook->admission = NULL;
	free_question(q);
}

/* No usable answer came: [hook] authorize_on_error decides. */
static void
fail_question(struct hook_question *q, const char *error)
{
	struct hook *hook = hook_of(q->base.application);
	struct hook_admission nothing = {.actions = NULL};
	bool accept_on_error = hook->cfg->hook_authorize_on_error;

	if (!hook->is_failing)
		log_warnx("hook %s: authorize: %s; clients are %s", hook_http_name(hook->http),
		    error, accept_on_error ? "accepted" : "refused");
	hook->is_failing = true;
	conclude_question(q, accept_on_error ? 0 : -EPROTO, &nothing);
}

/* 401 refuses one client, as 403 does; but from a hook that checks signatures it means that it
 * refuses every client. */
static void
warn_of_401(struct hook *hook)
{
	log_limited(LOG_LEVEL_WARN,
	    "hook %s: authorize was answered 401: is [hook] secret the same there, and are both "
	    "clocks right?",
	    hook_http_name(hook->http));
}

static void
on_verdict_reply(void *arg, const struct hook_result *result)
{
	struct hook_question *q = arg;
	struct hook *hook = hook_of(q->base.application);
	struct hook_admission a = {.actions = NULL};
	char error[HOOK_ERROR_MAX] = "";
	struct slice ns = q->joining.ns == NULL ? SLICE("") : q->joining.ns->name;
	int verdict = -EPROTO;

	q->call = NULL; /* hook_http frees it after this callback */
	hook->asked_n--;
	hook_count_took(hook, COUNT_HOOK_AUTHORIZE_TOOK, result);
	if (result->status == 401)
		warn_of_401(hook);
	if (result->status == 0)
		snprintf(error, sizeof(error), "%s", result->error);
	else if (result->status == 401 || result->status == 403)
		verdict = -EACCES;
	else if (result->status / 100 != 2)
		snprintf(error, sizeof(error), "the question was answered with status %d",
		    result->status);
	else if (!hook_reply_is_good(result->body))
		snprintf(error, sizeof(error), "the verdict is not a JSON object");
	else
		verdict = hook_reply_verdict(hook, q->key, ns, result->body, &a, error);
	if (verdict == 0 || verdict == -EACCES) {
		if (hook->is_failing)
			log_info("hook %s: authorize works again", hook_http_name(hook->http));
		hook->is_failing = false;
		/* what another hook said is not what this one would say */
		if (result->status == 200 && result->max_age_s > 0 &&
		    q->generation == hook->generation)
			hook_cache_add(hook, q->digest, verdict, &a, result->max_age_s);
		conclude_question(q, verdict, &a);
	} else {
		hook_count_failure(hook, result);
		fail_question(q, error);
	}
	hook_reply_free_admission(&a);
}

static void
send_waiting_questions(struct hook *hook)
{
	struct hook_question *q, *next;
	struct hook_admission *known;
	int verdict;

	for (q = TAILQ_FIRST(&hook->questions); q != NULL; q = next) {
		struct hook_request request = {.id = q->id,
		    .kind = "authorize",
		    .body = buf_slice(&q->body),
		    .attempt = 1,
		    .now_ms = hub_now(hook->base.hub),
		    .timeout_ms = q->deadline - hub_now(hook->base.hub)};

		next = TAILQ_NEXT(q, all);
		if (q->call != NULL)
			continue;
		if (hook_cache_find(hook, q->digest, &verdict, &known)) {
			conclude_question(q, verdict, known);
			continue;
		}
		if (request.timeout_ms <= 0) {
			hook_count(hook, COUNT_HOOK_TIMEOUT, 1);
			fail_question(q, "timed out while other questions were in flight");
			continue;
		}
		if (hook->asked_n >= hook->cfg->hook_max_in_flight)
			return;
		q->generation = hook->generation;
		q->call = hook_http_post(hook->http, &request, on_verdict_reply, q);
		if (q->call == NULL)
			fail_question(q, "the request could not be made");
		else
			hook->asked_n++;
	}
}

void
hook_ask_run(struct hook *hook)
{
	if (hook->asked_n < hook->questions_n)
		send_waiting_questions(hook);
}

int64_t
hook_ask_next(const struct hook *hook)
{
	const struct hook_question *q;

	if (hook->asked_n == hook->questions_n)
		return INT64_MAX;
	if (hook->asked_n < hook->cfg->hook_max_in_flight)
		return hub_now(hook->base.hub);
	TAILQ_FOREACH (q, &hook->questions, all)
		if (q->call == NULL)
			return q->deadline;
	return INT64_MAX;
}

void
hook_ask_reload(struct hook *hook)
{
	int64_t latest = hub_now(hook->base.hub) + hook->cfg->hook_authorize_timeout_ms;
	struct hook_question *q;

	/* also keeps them in order: no later question has an earlier deadline */
	TAILQ_FOREACH (q, &hook->questions, all)
		if (q->call == NULL && q->deadline > latest)
			q->deadline = latest;
}

/* A new question with room for `texts_n` bytes.  NULL: too many wait, or no memory. */
static struct hook_question *
new_question(struct hook *hook, int64_t key, size_t texts_n)
{
	struct hook_question *q;

	if (hook->questions_n == QUESTIONS_MAX)
		return NULL;
	q = calloc(1, sizeof(*q) + texts_n);
	if (q == NULL)
		return NULL;
	q->base.application = &hook->base;
	q->key = key;
	q->deadline = hub_now(hook->base.hub) + hook->cfg->hook_authorize_timeout_ms;
	TAILQ_INSERT_TAIL(&hook->questions, q, all);
	hook->questions_n++;
	return q;
}

/* An id that no other process gives: the session's public id and random digits. */
static void
name_question(struct hook_question *q)
{
	unsigned char bytes[8] = {0};

	RAND_bytes(bytes, sizeof(bytes));
	sid_public_write(q->id + snprintf(q->id, sizeof(q->id), "ask_"), q->key);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		size_t n = strlen(q->id);

		snprintf(q->id + n, sizeof(q->id) - n, "%s%02x", i == 0 ? "_" : "", bytes[i]);
	}
}

static void
begin_question_body(struct hook_question *q, struct slice ns)
{
	char session[SID_PUBLIC_LENGTH + 1];

	sid_public_write(session, q->key);
	buf_printf(&q->body, "{\"v\":1,\"hook\":\"authorize\",\"session\":\"%s\",\"ns\":", session);
	json_write_string(&q->body, ns);
}

static void
end_question_body(struct hook_question *q, struct slice ns, const char *handshake)
{
	if (hook_cache_digest(q->digest, ns, slice_of(handshake)) == -1)
		q->body.failed = true;
	buf_puts(&q->body, ",\"handshake\":");
	hook_body_write_handshake(
	    &q->body, slice_of(handshake), hook_of(q->base.application)->cfg->hook_headers);
	buf_add_char(&q->body, '}');
}

/* --- handshakes ----------------------------------------------------------------------------- */

struct application_question *
hook_ask_handshake(struct application *app, const char *handshake, int64_t key,
    application_verdict *done, void *arg)
{
	struct hook_question *q = new_question(hook_of(app), key, 0);

	if (q == NULL)
		return NULL;
	name_question(q);
	begin_question_body(q, SLICE(""));
	end_question_body(q, SLICE(""), handshake);
	if (q->body.failed) {
		free_question(q);
		return NULL;
	}
	q->done = done;
	q->arg = arg;
	return &q->base;
}

void
hook_ask_cancel(struct application_question *question)
{
	free_question(container_of(question, struct hook_question, base));
}

void
hook_ask_close(struct hook *hook)
{
	struct hook_question *q;

	while ((q = TAILQ_FIRST(&hook->questions)) != NULL)
		free_question(q);
}

/* --- namespaces ----------------------------------------------------------------------------- */

static void
on_join_verdict(void *arg, int verdict, struct slice transports)
{
	struct hook_question *q = arg;
	struct joining *j = &q->joining;
	struct hook *hook = hook_of(q->base.application);
	struct session *s;

	(void)transports;
	if (session_find_key(hook->base.hub, j->key, &s) != SESSION_LIVE)
		return;
	if (verdict != 0) {
		membership_refuse(hook->base.hub, s, j->endpoint);
		return;
	}
	if (hook->admission != NULL &&
	    admission_apply(&hook->base, j->key, &hook->admission->words) == -1)
		transaction_fail(hook->base.hub);
	membership_accept(hook->base.hub, s, j->ns, j->endpoint, j->query);
}

static bool
is_join_asked(const struct hook *hook, int64_t key, const struct hub_ns *ns)
{
	const struct hook_question *q;

	TAILQ_FOREACH (q, &hook->questions, all)
		if (q->joining.ns == ns && q->joining.key == key)
			return true;
	return false;
}

/* Write what is known of the session, and end the body. */
static int
write_question_session(struct hook_question *q)
{
	struct store *st = hub_store(q->base.application->hub);
	struct buf data = {.p = NULL};
	char *user, *handshake = session_row_handshake(st, q->key);
	int result = hook_queue_user(st, q->key, &user);

	if (hook_body_write_values(&data, hook_of(q->base.application), q->key) == -1)
		result = -1;
	if (user != NULL) {
		buf_puts(&q->body, ",\"user\":");
		json_write_string(&q->body, slice_of(user));
	}
	if (data.n > 0) {
		buf_puts(&q->body, ",\"data\":{");
		buf_add_slice(&q->body, buf_slice(&data));
		buf_add_char(&q->body, '}');
	}
	if (handshake == NULL || data.failed)
		result = -1;
	else
		end_question_body(q, q->joining.ns->name, handshake);
	buf_free(&data);
	free(handshake);
	free(user);
	return result == -1 || q->body.failed ? -1 : 0;
}

int
hook_ask_namespace(struct hook *hook, struct hub_ns *ns, struct session *s, struct slice endpoint,
    struct slice query)
{
	int64_t key = session_key(s);
	struct hook_question *q;

	if (is_join_asked(hook, key, ns))
		return -EINPROGRESS;
	if (transaction_open(hook->base.hub) == -1)
		return -EIO;
	q = new_question(hook, key, endpoint.n + query.n);
	if (q == NULL)
		return -EAGAIN;
	memcpy(q->texts, endpoint.p, endpoint.n);
	if (query.n > 0)
		memcpy(q->texts + endpoint.n, query.p, query.n);
	q->joining = (struct joining){.key = key,
	    .ns = ns,
	    .endpoint = {q->texts, endpoint.n},
	    .query = {q->texts + endpoint.n, query.n}};
	q->done = on_join_verdict;
	q->arg = q;
	name_question(q);
	begin_question_body(q, ns->name);
	if (write_question_session(q) == -1) {
		free_question(q);
		return -EIO;
	}
	return -EINPROGRESS;
}
