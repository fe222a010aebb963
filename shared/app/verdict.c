/* Verdicts that an authorizer has put off: what waits for them, and what becomes of it.
 *
 *	sio_verdict_later(), -EINPROGRESS --> a question -- a verdict, or its deadline --> concluded
 *
 * A verdict only marks the question.  It is concluded when the application has its share of the
 * turn, outside of the handler that gave it: what follows calls handlers, too. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/hub/link.h"

#define QUESTIONS_MAX 1000 /* that wait at a time; beyond it clients are told to try again */

struct verdict_question {
	struct application_question base; /* first: what the holder of the request has */
	TAILQ_ENTRY(verdict_question) all;
	int64_t id, deadline;
	bool is_ruled;
	int verdict; /* once it is ruled */
	struct admission admission;
	application_verdict *done; /* of a handshake; NULL: nobody holds its request */
	void *arg;
	int64_t key;                  /* of a session that wants to join a namespace */
	struct hub_ns *ns;            /* NULL: a handshake */
	struct slice endpoint, query; /* in texts[] */
	char texts[];
};

static void
free_verdict_question(struct verdict_question *q)
{
	struct sio_app *app = module_of(q->base.application);

	TAILQ_REMOVE(&app->questions, q, all);
	app->questions_n--;
	link_await(app->base.hub, -1);
	admission_free(&q->admission);
	free(q);
}

/* --- asking --------------------------------------------------------------------------------- */

static struct verdict_question *
new_verdict_question(struct sio_app *app, const struct verdict_asking *asking)
{
	struct verdict_question *q;
	int64_t id;

	if (app->questions_n == QUESTIONS_MAX || RAND_bytes((unsigned char *)&id, sizeof(id)) != 1)
		return NULL;
	q = calloc(1, sizeof(*q) + asking->endpoint.n + asking->query.n);
	if (q == NULL)
		return NULL;
	q->base.application = &app->base;
	q->id = (int64_t)((uint64_t)id % 1000000000000000000u); /* 18 digits, as its name has */
	q->deadline = hub_now(app->base.hub) + app->base.verdict_timeout_ms;
	q->key = asking->key;
	q->ns = asking->ns;
	q->endpoint = (struct slice){q->texts, asking->endpoint.n};
	q->query = (struct slice){q->texts + asking->endpoint.n, asking->query.n};
	/* memcpy may not be given NULL, even for no bytes */
	if (asking->endpoint.n > 0)
		memcpy(q->texts, asking->endpoint.p, asking->endpoint.n);
	if (asking->query.n > 0)
		memcpy(q->texts + asking->endpoint.n, asking->query.p, asking->query.n);
	TAILQ_INSERT_TAIL(&app->questions, q, all);
	app->questions_n++;
	link_await(app->base.hub, 1);
	return q;
}

const char *
verdict_later(const sio_handshake *h)
{
	struct sio_app *app = module_of_handle(h);
	struct buf name = {.p = NULL};
	const char *copy = NULL;

	if (h->asking == NULL) /* not in an authorizer */
		return NULL;
	h->asking->wants_later = true;
	if (h->asking->question == NULL)
		h->asking->question = new_verdict_question(app, h->asking);
	if (h->asking->question == NULL)
		return NULL;
	ruling_write_name(&name, app->base.hub, h->asking->question->id);
	if (!name.failed)
		copy = arena_copy(app, buf_slice(&name));
	buf_free(&name);
	return copy;
}

int
verdict_returned(struct verdict_asking *asking, int verdict)
{
	if (verdict != -EINPROGRESS) {
		if (asking->question != NULL)
			free_verdict_question(asking->question);
		asking->question = NULL;
		return verdict;
	}
	if (asking->question != NULL)
		return verdict;
	if (!asking->wants_later)
		log_limited(LOG_LEVEL_WARN, "application: an authorizer returned -EINPROGRESS "
					    "without sio_verdict_later()");
	return asking->wants_later ? -EAGAIN : -EINVAL;
}

bool
verdict_is_asked(const struct sio_app *app, int64_t key, const struct hub_ns *ns)
{
	const struct verdict_question *q;

	TAILQ_FOREACH (q, &app->questions, all)
		if (q->ns == ns && q->key == key)
			return true;
	return false;
}

/* --- application_ops ------------------------------------------------------------------------ */

struct application_question *
verdict_hold(struct application *base, const char *handshake, int64_t key,
    application_verdict *done, void *arg)
{
	struct sio_app *app = module_of(base);
	struct verdict_question *q = app->unheld;

	(void)handshake;
	(void)key;
	app->unheld = NULL;
	if (q == NULL)
		return NULL;
	q->done = done;
	q->arg = arg;
	return &q->base;
}

void
verdict_cancel(struct application_question *question)
{
	free_verdict_question(container_of(question, struct verdict_question, base));
}

/* Keep what it grants.  0, or the verdict is an error. */
static int
grant_ruling(struct verdict_question *q, const struct ruling *r)
{
	char *user = r->user.p == NULL ? NULL : strndup(r->user.p, r->user.n);
	char *data = r->data.p == NULL ? NULL : strndup(r->data.p, r->data.n);
	int result = -ENOMEM;

	if ((r->user.p == NULL || user != NULL) && (r->data.p == NULL || data != NULL))
		result = slice_has_nul(r->user) || slice_has_nul(r->data)
		             ? -EINVAL
		             : admission_grant(&q->admission, user, data);
	free(user);
	free(data);
	return result;
}

int
verdict_ruled(struct application *base, int64_t id, const struct ruling *r)
{
	struct sio_app *app = module_of(base);
	struct verdict_question *q;

	TAILQ_FOREACH (q, &app->questions, all)
		if (q->id == id)
			break;
	if (q == NULL || q->is_ruled)
		return -EPIPE;
	q->is_ruled = true;
	q->verdict = r->accepts ? grant_ruling(q, r) : -EACCES;
	if (!r->accepts)
		log_limited(LOG_LEVEL_INFO, "application: refused a client%s%s: %.*s",
		    q->ns == NULL ? "" : " for ", q->ns == NULL ? "" : q->ns->name.p,
		    r->reason.p == NULL ? 15 : (int)r->reason.n,
		    r->reason.p == NULL ? "no reason given" : r->reason.p);
	return 0;
}

/* --- concluding ----------------------------------------------------------------------------- */

static void
conclude_handshake(struct sio_app *app, struct verdict_question *q)
{
	if (q->done == NULL)
		return;
	/* session_create_as() asks again, and calls back for what was granted */
	admission_free(&app->admission);
	app->admission = q->admission;
	q->admission = (struct admission){NULL, NULL, NULL};
	app->is_ruled = q->verdict == 0;
	q->done(q->arg, q->verdict, (struct slice){NULL, 0});
	app->is_ruled = false;
	admission_free(&app->admission);
}

static void
conclude_join(struct sio_app *app, const struct verdict_question *q)
{
	struct hub *h = app->base.hub;
	struct session *s;

	if (session_find_key(h, q->key, &s) != SESSION_LIVE || session_is_remote(s))
		return;
	if (q->verdict != 0) {
		/* another process may have asked about the same, and it was accepted there */
		if (!membership_hears(s, q->ns))
			membership_refuse(h, s, q->endpoint);
		return;
	}
	if (admission_apply(&app->base, q->key, &q->admission) == -1)
		transaction_fail(h);
	membership_accept(h, s, q->ns, q->endpoint, q->query);
}

/* The next question whose time has come; NULL: there is none. */
static struct verdict_question *
find_due_question(const struct sio_app *app)
{
	struct verdict_question *q;

	TAILQ_FOREACH (q, &app->questions, all)
		if (q->is_ruled || q->deadline <= hub_now(app->base.hub))
			return q;
	return NULL;
}

void
verdict_run(struct application *base)
{
	struct sio_app *app = module_of(base);
	struct verdict_question *q;

	while ((q = find_due_question(app)) != NULL) {
		if (!q->is_ruled) {
			q->verdict = -ETIMEDOUT;
			log_limited(LOG_LEVEL_WARN,
			    "application: no verdict came within [app] authorize_timeout, "
			    "%" PRId64 " ms",
			    app->base.verdict_timeout_ms);
		}
		if (q->ns == NULL)
			conclude_handshake(app, q);
		else
			conclude_join(app, q);
		free_verdict_question(q);
	}
}

int64_t
verdict_settled(struct application *base, bool committed)
{
	const struct sio_app *app = module_of(base);
	const struct verdict_question *q;
	int64_t next = INT64_MAX;

	(void)committed;
	TAILQ_FOREACH (q, &app->questions, all) {
		if (q->is_ruled)
			return hub_now(app->base.hub);
		if (q->deadline < next)
			next = q->deadline;
	}
	return next;
}

void
verdict_stop(struct application *base)
{
	struct sio_app *app = module_of(base);
	struct verdict_question *q;

	while ((q = TAILQ_FIRST(&app->questions)) != NULL)
		free_verdict_question(q);
}

/* --- as in pollux.h ------------------------------------------------------------------------- */

static int
give_verdict(const void *handle, const char *later, const struct ruling *r)
{
	struct sio_app *app = module_of_handle(handle);

	if (later == NULL || app->base.hub == NULL)
		return -EINVAL;
	return ruling_give(&app->base, slice_of(later), r);
}

int
verdict_accept(const void *handle, const char *later, const char *user, const char *data)
{
	const struct ruling r = {.accepts = true, .user = slice_of(user), .data = slice_of(data)};

	if (!admission_is_valid(r.user, r.data)) {
		log_limited(LOG_LEVEL_WARN,
		    "application: sio_verdict_accept(): "
		    "the user is not a valid name, or the data not a JSON object");
		return -EINVAL;
	}
	return give_verdict(handle, later, &r);
}

int
verdict_refuse(const void *handle, const char *later, const char *reason)
{
	return give_verdict(handle, later, &(struct ruling){.reason = slice_of(reason)});
}
