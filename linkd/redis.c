#include "linkd/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linkd/greeting.h"
#include "linkd/resolve.h"
#include "linkd/sentinel.h"
#include "shared/base/log.h"

#define DELAY_FIRST_S .1
#define DELAY_MOST_S  2.
#define WATCH_S       5. /* how often sentinels are asked whether the master is another one */

enum redis_state {
	REDIS_WAITS,    /* for the time of the next attempt */
	REDIS_FINDS,    /* asks sentinels, or looks the host up */
	REDIS_CONNECTS, /* the connections open and greet, one after the other */
	REDIS_IS_UP,
};

enum redis_line { /* the connections */
	REDIS_COMMANDS,
	REDIS_WAITING,
	REDIS_LINES
};

struct redis {
	struct redis_options options;
	enum redis_state state;
	enum redis_fault told; /* what the log has said last */
	double delay;          /* before the next attempt, s */
	struct ev_timer retry; /* in REDIS_WAITS */
	struct ev_timer watch; /* in REDIS_IS_UP, with sentinels */
	struct sentinel *sentinel;
	struct resolve *resolve;
	struct resolve_list addresses; /* of the host; empty: a socket */
	size_t address;                /* the one that is tried */
	char host[ADDRESS_HOST_MAX + 1];
	unsigned port;
	struct line *lines[REDIS_LINES];
	struct greeting greeting;
	enum redis_line opens; /* in REDIS_CONNECTS */
	uint64_t sent;
	char where[REDIS_URL_TEXT]; /* for people */
};

static void redis_connect(struct redis *r);

/* --- down ----------------------------------------------------------------------------------- */

static void
redis_disconnect(struct redis *r)
{
	ev_timer_stop(r->options.loop, &r->retry);
	ev_timer_stop(r->options.loop, &r->watch);
	resolve_cancel(r->resolve);
	r->resolve = NULL;
	for (int i = 0; i < REDIS_LINES; i++) {
		struct line *c = r->lines[i];

		r->lines[i] = NULL;
		line_close(c);
	}
}

/* Each kind of fault has a line, and not one for each attempt. */
static void
redis_tell(struct redis *r, enum redis_fault fault, const char *why)
{
	size_t n = strlen(why);

	if (r->told == fault)
		return;
	r->told = fault;
	if (n > 0 && why[n - 1] == '.') /* some sentences of Redis end so */
		n--;
	log_warnx("Redis at %s: %.*s; this node serves its own sessions, and tries again", r->where,
	    (int)n, why);
}

static void
redis_fail(struct redis *r, enum redis_fault fault, const char *why)
{
	bool was_up = r->state == REDIS_IS_UP;

	redis_tell(r, fault, why);
	r->state = REDIS_WAITS;
	redis_disconnect(r);
	if (fault != REDIS_FAULT_AWAY) /* a person has to do something first */
		r->delay = DELAY_MOST_S;
	ev_timer_set(&r->retry, r->delay, 0.);
	ev_timer_start(r->options.loop, &r->retry);
	r->delay = 2 * r->delay < DELAY_MOST_S ? 2 * r->delay : DELAY_MOST_S;
	if (was_up)
		r->options.on_down(r->options.arg);
}

/* --- connecting ----------------------------------------------------------------------------- */

static void
redis_on_ended(void *arg, const char *why)
{
	struct redis *r = arg;

	/* a name may have several addresses, for example one of IPv6 where nothing listens */
	if (r->state == REDIS_CONNECTS && r->opens == REDIS_COMMANDS &&
	    r->address + 1 < r->addresses.n && r->greeting.line == NULL) {
		line_close(r->lines[REDIS_COMMANDS]);
		r->lines[REDIS_COMMANDS] = NULL;
		r->address++;
		redis_connect(r);
		return;
	}
	redis_fail(r, REDIS_FAULT_AWAY, why);
}

static void
redis_on_error(void *arg, const char *text)
{
	struct redis *r = arg;
	enum redis_fault fault = greeting_judge(text);

	/* until then the greeting judges */
	if (r->state == REDIS_IS_UP && fault != REDIS_FAULT_NONE)
		redis_fail(r, fault, text);
}

static void
redis_set_up(struct redis *r)
{
	r->state = REDIS_IS_UP;
	r->told = REDIS_FAULT_NONE;
	r->delay = DELAY_FIRST_S;
	log_info("connected to Redis %s at %s", r->greeting.version, r->where);
	if (r->sentinel != NULL) {
		ev_timer_set(&r->watch, WATCH_S, WATCH_S);
		ev_timer_start(r->options.loop, &r->watch);
	}
	r->options.on_up(r->options.arg);
}

static void
redis_on_greeted(void *arg, struct greeting *g)
{
	struct redis *r = arg;

	if (g->fault != REDIS_FAULT_NONE) {
		redis_fail(r, g->fault, g->why);
		return;
	}
	if (r->opens == REDIS_WAITING) {
		redis_set_up(r);
		return;
	}
	r->opens = REDIS_WAITING;
	redis_connect(r);
}

static void
redis_on_open(void *arg)
{
	struct redis *r = arg;

	if (greeting_send(&r->greeting, r->lines[r->opens], r->options.url, r->options.name) == -1)
		redis_fail(r, REDIS_FAULT_AWAY, "no memory");
}

/* Open the connection whose turn it is. */
static void
redis_connect(struct redis *r)
{
	bool by_path = r->addresses.n == 0;

	r->state = REDIS_CONNECTS;
	r->greeting.line = NULL;
	r->lines[r->opens] = line_open(&(struct line_options){
	    .loop = r->options.loop,
	    .address = by_path ? NULL : r->addresses.texts[r->address],
	    .port = r->port,
	    .path = r->options.url->path,
	    .patience_ms = REDIS_PATIENCE_MS + (r->opens == REDIS_WAITING ? REDIS_BLOCK_MS : 0),
	    .on_open = redis_on_open,
	    .on_ended = redis_on_ended,
	    .on_error = redis_on_error,
	    .arg = r,
	});
	if (r->lines[r->opens] == NULL)
		redis_fail(r, REDIS_FAULT_AWAY, "it cannot be connected to");
}

/* --- finding it ----------------------------------------------------------------------------- */

static void
redis_on_resolved(void *arg, const struct resolve_list *list, const char *why)
{
	struct redis *r = arg;

	r->resolve = NULL;
	if (why != NULL) {
		redis_fail(r, REDIS_FAULT_AWAY, why);
		return;
	}
	r->addresses = *list;
	redis_connect(r);
}

/* Connect to `host` and `port`. */
static void
redis_find_host(struct redis *r)
{
	if (resolve_is_address(r->host, &r->addresses)) {
		redis_connect(r);
		return;
	}
	r->resolve = resolve_start(r->options.loop, r->host, redis_on_resolved, r);
	if (r->resolve == NULL)
		redis_fail(r, REDIS_FAULT_AWAY, "no memory to look the host up");
}

static void
redis_set_host(struct redis *r, const char *host, unsigned port)
{
	snprintf(r->host, sizeof(r->host), "%s", host);
	r->port = port;
}

/* What sentinels have said, at an attempt or at the watch. */
static void
redis_on_master(void *arg, const char *host, unsigned port, const char *why)
{
	struct redis *r = arg;

	if (r->state == REDIS_IS_UP) {
		/* one that does not know the master is no reason to leave it */
		if (host != NULL && (strcmp(host, r->host) != 0 || port != r->port))
			redis_fail(
			    r, REDIS_FAULT_AWAY, "the sentinels name another one the master");
		return;
	}
	if (r->state != REDIS_FINDS)
		return;
	if (host == NULL) {
		redis_fail(r, REDIS_FAULT_AWAY, why);
		return;
	}
	redis_set_host(r, host, port);
	redis_find_host(r);
}

static void
redis_on_retry(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct redis *r = timer->data;
	const struct redis_url *url = r->options.url;

	(void)loop;
	(void)events;
	r->state = REDIS_FINDS;
	r->opens = REDIS_COMMANDS;
	r->addresses.n = r->address = 0;
	if (r->sentinel != NULL) {
		sentinel_ask(r->sentinel);
	} else if (url->kind == REDIS_URL_UNIX) {
		redis_connect(r);
	} else {
		redis_set_host(r, url->hosts[0].name, url->hosts[0].port);
		redis_find_host(r);
	}
}

static void
redis_on_watch(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct redis *r = timer->data;

	(void)loop;
	(void)events;
	sentinel_ask(r->sentinel);
}

/* --- from outside --------------------------------------------------------------------------- */

struct redis *
redis_open(const struct redis_options *options)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->options = *options;
	r->delay = DELAY_FIRST_S;
	r->greeting.done = redis_on_greeted;
	r->greeting.arg = r;
	redis_url_describe(options->url, r->where);
	if (options->url->kind == REDIS_URL_SENTINEL) {
		r->sentinel = sentinel_new(options->loop, options->url, redis_on_master, r);
		if (r->sentinel == NULL) {
			free(r);
			return NULL;
		}
	}
	ev_timer_init(&r->retry, redis_on_retry, 0., 0.);
	ev_timer_init(&r->watch, redis_on_watch, WATCH_S, WATCH_S);
	r->retry.data = r->watch.data = r;
	ev_timer_start(options->loop, &r->retry);
	return r;
}

void
redis_close(struct redis *r)
{
	if (r == NULL)
		return;
	r->state = REDIS_WAITS;
	redis_disconnect(r);
	sentinel_free(r->sentinel);
	free(r);
}

bool
redis_is_up(const struct redis *r)
{
	return r->state == REDIS_IS_UP;
}

int
redis_command(struct redis *r, line_done *done, void *arg, int argc, const char *const *argv,
    const size_t *lens)
{
	if (r->state != REDIS_IS_UP)
		return -1;
	r->sent++;
	return line_send(r->lines[REDIS_COMMANDS], done, arg, argc, argv, lens);
}

int
redis_words(struct redis *r, line_done *done, void *arg, const char *const *words)
{
	if (r->state != REDIS_IS_UP)
		return -1;
	r->sent++;
	return line_send_words(r->lines[REDIS_COMMANDS], done, arg, words);
}

int
redis_block(struct redis *r, line_done *done, void *arg, const char *const *words)
{
	if (r->state != REDIS_IS_UP)
		return -1;
	r->sent++;
	return line_send_words(r->lines[REDIS_WAITING], done, arg, words);
}

uint64_t
redis_sent(const struct redis *r)
{
	return r->sent;
}
