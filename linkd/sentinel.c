#include "linkd/sentinel.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linkd/line.h"
#include "linkd/resolve.h"
#include "shared/base/slice.h"

#define PATIENCE_MS 2000 /* one that is away holds up the next */

struct sentinel {
	struct ev_loop *loop;
	const struct redis_url *url;
	sentinel_done *done;
	void *arg;
	struct resolve *resolve; /* the host of this one is looked up */
	struct line *line;       /* it is asked */
	struct ev_timer next;    /* the next one is asked, or the end is told, by the loop */
	size_t current;          /* of the hosts; the one that has answered is asked first again */
	size_t failed;           /* of this round */
	bool asks;
	bool knows_password; /* the current one was told it */
	char why[512];       /* of the last one that failed */
};

static void
sentinel_stop(struct sentinel *s)
{
	ev_timer_stop(s->loop, &s->next);
	resolve_cancel(s->resolve);
	line_close(s->line);
	s->resolve = NULL;
	s->line = NULL;
}

/* The current one cannot tell. */
static void
sentinel_give_up(struct sentinel *s, const char *why)
{
	const struct redis_url_host *host = &s->url->hosts[s->current];

	snprintf(s->why, sizeof(s->why), "sentinel %s:%u: %.200s", host->name, host->port, why);
	sentinel_stop(s);
	s->current = (s->current + 1) % s->url->hosts_n;
	s->failed++;
	ev_timer_set(&s->next, 0., 0.);
	ev_timer_start(s->loop, &s->next);
}

static void sentinel_on_master(void *arg, const redisReply *reply);

static int
sentinel_send(struct sentinel *s)
{
	const char *words[] = {"SENTINEL", "get-master-addr-by-name", s->url->name, NULL};

	return line_send_words(s->line, sentinel_on_master, s, words);
}

/* It wants a password.  Return 0, or -1: we have none, or it was the wrong one. */
static int
sentinel_log_in(struct sentinel *s)
{
	const char *words[] = {"AUTH", s->url->password, NULL};

	if (s->knows_password || s->url->password[0] == '\0')
		return -1;
	s->knows_password = true;
	if (line_send_words(s->line, NULL, NULL, words) == -1)
		return -1;
	return sentinel_send(s);
}

/* Read "host" and "port".  False: it is no answer. */
static bool
sentinel_read(const redisReply *reply, const char **host, unsigned *port)
{
	const redisReply *digits;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
	    reply->element[0]->type != REDIS_REPLY_STRING ||
	    reply->element[1]->type != REDIS_REPLY_STRING)
		return false;
	digits = reply->element[1];
	*host = reply->element[0]->str;
	return address_is_host(slice_of(*host)) &&
	       slice_number((struct slice){digits->str, digits->len}, 5, 65535, port) && *port > 0;
}

static void
sentinel_on_master(void *arg, const redisReply *reply)
{
	struct sentinel *s = arg;
	const char *host;
	unsigned port;

	if (reply == NULL)
		return; /* the end of its connection tells */
	if (reply->type == REDIS_REPLY_ERROR) {
		if (strncmp(reply->str, "NOAUTH", 6) != 0 || sentinel_log_in(s) == -1)
			sentinel_give_up(s, reply->str);
		return;
	}
	if (!sentinel_read(reply, &host, &port)) {
		sentinel_give_up(s, "it knows no such master");
		return;
	}
	s->asks = false;
	sentinel_stop(s);
	/* the reply lives until we return */
	s->done(s->arg, host, port, NULL);
}

static void
sentinel_on_open(void *arg)
{
	struct sentinel *s = arg;

	if (sentinel_send(s) == -1)
		sentinel_give_up(s, "no memory");
}

static void
sentinel_on_ended(void *arg, const char *why)
{
	sentinel_give_up(arg, why);
}

static void
sentinel_on_error(void *arg, const char *text)
{
	(void)arg;
	(void)text; /* read with the reply */
}

static void
sentinel_connect(struct sentinel *s, const char *address)
{
	s->knows_password = false;
	s->line = line_open(&(struct line_options){
	    .loop = s->loop,
	    .address = address,
	    .port = s->url->hosts[s->current].port,
	    .patience_ms = PATIENCE_MS,
	    .on_open = sentinel_on_open,
	    .on_ended = sentinel_on_ended,
	    .on_error = sentinel_on_error,
	    .arg = s,
	});
	if (s->line == NULL)
		sentinel_give_up(s, "it cannot be connected to");
}

static void
sentinel_on_resolved(void *arg, const struct resolve_list *list, const char *why)
{
	struct sentinel *s = arg;

	s->resolve = NULL;
	if (why != NULL)
		sentinel_give_up(s, why);
	else
		sentinel_connect(s, list->texts[0]);
}

/* Ask the current one. */
static void
sentinel_try(struct sentinel *s)
{
	const char *host = s->url->hosts[s->current].name;
	struct resolve_list list;

	if (resolve_is_address(host, &list)) {
		sentinel_connect(s, list.texts[0]);
		return;
	}
	s->resolve = resolve_start(s->loop, host, sentinel_on_resolved, s);
	if (s->resolve == NULL)
		sentinel_give_up(s, "no memory to look it up");
}

static void
sentinel_on_next(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct sentinel *s = timer->data;

	(void)loop;
	(void)events;
	if (s->failed < s->url->hosts_n) {
		sentinel_try(s);
		return;
	}
	s->asks = false;
	s->done(s->arg, NULL, 0, s->why);
}

struct sentinel *
sentinel_new(struct ev_loop *loop, const struct redis_url *url, sentinel_done *done, void *arg)
{
	struct sentinel *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->loop = loop;
	s->url = url;
	s->done = done;
	s->arg = arg;
	ev_timer_init(&s->next, sentinel_on_next, 0., 0.);
	s->next.data = s;
	return s;
}

void
sentinel_free(struct sentinel *s)
{
	if (s == NULL)
		return;
	sentinel_stop(s);
	free(s);
}

void
sentinel_ask(struct sentinel *s)
{
	if (s->asks)
		return;
	s->asks = true;
	s->failed = 0;
	ev_timer_set(&s->next, 0., 0.);
	ev_timer_start(s->loop, &s->next);
}
