#include "linkd/line.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>

#include <hiredis/adapters/libev.h>

#define GRACE_S 0.5
#define WORDS   16 /* of line_send_words() */

struct line {
	struct line_options options;
	redisAsyncContext *ac; /* its `data` is this line, until one of them ends */
	struct ev_timer timer; /* runs while something is waited for */
	unsigned pending;
	bool is_open;
	bool is_overdue; /* the timer has run out once: perhaps it was us who slept */
};

/* A command under way, which may outlive its line for a moment. */
struct line_request {
	line_done *done;
	void *arg;
};

/* --- ends ----------------------------------------------------------------------------------- */

/* hiredis frees its context by itself; `why` is borrowed from it. */
static void
line_end(struct line *c, const char *why)
{
	ev_timer_stop(c->options.loop, &c->timer);
	c->ac->data = NULL;
	c->ac = NULL;
	c->options.on_ended(c->options.arg, why); /* it closes the line */
}

static void
line_on_connect(const redisAsyncContext *ac, int status)
{
	struct line *c = ac->data;

	if (c == NULL)
		return;
	if (status != REDIS_OK) {
		line_end(c, ac->c.errstr);
		return;
	}
	c->is_open = true;
	ev_timer_stop(c->options.loop, &c->timer);
	c->options.on_open(c->options.arg);
}

static void
line_on_disconnect(const redisAsyncContext *ac, int status)
{
	struct line *c = ac->data;

	if (c != NULL)
		line_end(c, status == REDIS_OK ? "the connection was closed" : ac->errstr);
}

void
line_close(struct line *c)
{
	redisAsyncContext *ac;

	if (c == NULL)
		return;
	ac = c->ac;
	ev_timer_stop(c->options.loop, &c->timer);
	free(c);
	if (ac == NULL)
		return;
	ac->data = NULL;
	redisAsyncFree(ac);
}

static void
line_on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct line *c = timer->data;

	(void)events;
	if (!c->is_overdue) {
		/* what has come meanwhile is read first */
		c->is_overdue = true;
		timer->repeat = GRACE_S;
		ev_timer_again(loop, timer);
		return;
	}
	ev_timer_stop(loop, timer);
	c->options.on_ended(
	    c->options.arg, c->is_open ? "it does not answer" : "it cannot be reached in time");
}

/* Wait for the next reply from now on, or for none. */
static void
line_arm(struct line *c, bool waits)
{
	c->is_overdue = false;
	if (!waits) {
		ev_timer_stop(c->options.loop, &c->timer);
		return;
	}
	c->timer.repeat = (double)c->options.patience_ms / 1000;
	ev_timer_again(c->options.loop, &c->timer);
}

/* --- the beginning -------------------------------------------------------------------------- */

struct line *
line_open(const struct line_options *options)
{
	struct line *c = calloc(1, sizeof(*c));
	redisAsyncContext *ac;

	if (c == NULL)
		return NULL;
	ac = options->address != NULL ? redisAsyncConnect(options->address, (int)options->port)
	                              : redisAsyncConnectUnix(options->path);
	if (ac == NULL || ac->err != 0 || redisLibevAttach(options->loop, ac) != REDIS_OK) {
		if (ac != NULL)
			redisAsyncFree(ac);
		free(c);
		return NULL;
	}
	c->options = *options;
	c->options.address = c->options.path = NULL;
	c->ac = ac;
	ac->data = c;
	ev_timer_init(&c->timer, line_on_timer, 0., 0.);
	c->timer.data = c;
	/* the first of them makes hiredis watch the socket */
	redisAsyncSetDisconnectCallback(ac, line_on_disconnect);
	redisAsyncSetConnectCallback(ac, line_on_connect);
	line_arm(c, true);
	return c;
}

/* --- commands ------------------------------------------------------------------------------- */

static void
line_on_reply(redisAsyncContext *ac, void *reply, void *request)
{
	struct line_request *r = request;
	struct line_request was = *r;
	struct line *c = ac->data;
	const redisReply *got = reply;

	free(r);
	if (c != NULL) {
		c->pending--;
		line_arm(c, c->pending > 0);
	}
	if (was.done != NULL)
		was.done(was.arg, got);
	c = ac->data; /* it may be closed by now */
	if (c != NULL && got != NULL && got->type == REDIS_REPLY_ERROR)
		c->options.on_error(c->options.arg, got->str);
}

int
line_send(struct line *c, line_done *done, void *arg, int argc, const char *const *argv,
    const size_t *lens)
{
	struct line_request *r;
	const char **words;
	int result;

	if (c->ac == NULL || c->pending >= LINE_PENDING_MAX)
		return -1;
	r = malloc(sizeof(*r));
	/* hiredis wants an array that it could change, and does not */
	words = malloc((size_t)argc * sizeof(*words));
	if (r == NULL || words == NULL) {
		free(r);
		free(words);
		return -1;
	}
	memcpy(words, argv, (size_t)argc * sizeof(*words));
	*r = (struct line_request){done, arg};
	result = redisAsyncCommandArgv(c->ac, line_on_reply, r, argc, words, lens);
	free(words);
	if (result != REDIS_OK) {
		free(r);
		return -1;
	}
	if (c->pending++ == 0)
		line_arm(c, true);
	return 0;
}

int
line_send_words(struct line *c, line_done *done, void *arg, const char *const *words)
{
	size_t lens[WORDS];
	int n = 0;

	for (; n < WORDS && words[n] != NULL; n++)
		lens[n] = strlen(words[n]);
	return line_send(c, done, arg, n, words, lens);
}
