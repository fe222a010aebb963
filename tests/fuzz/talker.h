/* talker: the clients of fuzz_server.c: HTTP requests and websockets that take what the server says,
 * and look for numbers in it.
 *
 * The application marks each text that it sends: "~own=7;" to one session, "~all=9;" to many.  No
 * input contains '~', so what looks like a mark is one, in every transport's own wrapping. */
#ifndef POLLUX_TESTS_FUZZ_TALKER_H
#define POLLUX_TESTS_FUZZ_TALKER_H

#include <pollux/pollux.h>

#include "shared/base/container.h"
#include "shared/transport/server.h"
#include "shared/transport/websocket.h"
#include "shared/wire/utf8.h"
#include "tests/fuzz/fuzz.h"

#define TALKERS      8
#define PROCESSES    2
#define REQUESTS_MAX 4 /* that a talker has open; one more replaces the oldest */

/* An HTTP request.  Its answer counts as received once its fate is told. */
struct asked {
	struct exchange x;
	int process;
	struct buf answer;
	size_t seen; /* of a stream: what was looked at */
	int status;  /* 0: no answer yet */
	bool over;
};

/* A page. */
struct talker {
	char sid[24]; /* of its session; empty: none */
	char transport[16];
	int64_t own;     /* the next own number that it must get */
	int64_t all;     /* the last common one that it got */
	int64_t to_send; /* the next own number that the application sends it */
	struct asked *asked[REQUESTS_MAX];
	struct websocket ws;
	int ws_process;
	bool ws_open;
	bool unread; /* the server does not read from it now */
	bool fails;  /* its next answer cannot be written */
	bool over;   /* it may have been told that its session is */
};

/* --- what is received ------------------------------------------------------------------------ */

static inline int64_t
talker_number(struct slice text, const char *mark, size_t *at)
{
	const char *found = memmem(text.p + *at, text.n - *at, mark, strlen(mark));
	int64_t number = 0;

	if (found == NULL)
		return -1;
	*at = (size_t)(found - text.p) + strlen(mark);
	while (*at < text.n && text.p[*at] >= '0' && text.p[*at] <= '9')
		number = number * 10 + (text.p[(*at)++] - '0');
	MUST(*at < text.n && text.p[*at] == ';');
	return number;
}

static inline bool
talker_says(struct slice text, const char *words)
{
	return memmem(text.p, text.n, words, strlen(words)) != NULL;
}

/* Its own numbers come one after the other, the common ones in order. */
static inline void
talker_hear(struct talker *t, struct slice text)
{
	int64_t number;

	if (text.n == 0)
		return;
	for (size_t at = 0; (number = talker_number(text, "~own=", &at)) != -1; t->own++)
		MUST(number == t->own);
	for (size_t at = 0; (number = talker_number(text, "~all=", &at)) != -1; t->all = number)
		MUST(number > t->all);
	if (talker_says(text, "7:::") || talker_says(text, "0::"))
		t->over = true;
}

/* --- an exchange ----------------------------------------------------------------------------- */

static inline struct asked *
talker_asked(struct exchange *x)
{
	return container_of(x, struct asked, x);
}

static inline void
talker_begin(struct exchange *x, const struct response *r)
{
	struct asked *a = talker_asked(x);

	MUST(a->status == 0 && !a->over);
	MUST(r->status >= 200 && r->status < 600);
	a->status = r->status;
	buf_add_slice(&a->answer, r->body);
}

static inline void
talker_piece(struct exchange *x, struct slice bytes)
{
	MUST(talker_asked(x)->status != 0 && !talker_asked(x)->over);
	buf_add_slice(&talker_asked(x)->answer, bytes);
}

static inline void
talker_finish(struct exchange *x)
{
	MUST(talker_asked(x)->status != 0 && !talker_asked(x)->over);
	talker_asked(x)->over = true;
}

static inline void
talker_respond(struct exchange *x, const struct response *r)
{
	talker_begin(x, r);
	talker_finish(x);
}

static const struct exchange_ops talker_exchange_ops = {
    talker_respond, talker_begin, talker_piece, talker_finish};

/* Every request has the key of the publishing interface, which looks at it alone. */
static inline struct slice
talker_header(const struct exchange *x, const char *name)
{
	(void)x;
	return strcmp(name, "x-api-key") == 0 ? SLICE("key") : (struct slice){NULL, 0};
}

static inline void
talker_each_header(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	(void)x;
	each(arg, SLICE("user-agent"), SLICE("talker"));
}

static inline bool
talker_upgrades(const struct exchange *x)
{
	(void)x;
	return true;
}

/* Tell the fate of an answer, and forget the request. */
static inline void
talker_close(struct asked *a, enum exchange_fate fate)
{
	if (a->x.on_fate != NULL)
		a->x.on_fate(&a->x, fate, a->x.holder);
	buf_free(&a->answer);
	free(a);
}

/* --- a websocket ------------------------------------------------------------------------------ */

static inline void
talker_ws_send(struct websocket *ws, struct message *m)
{
	talker_hear(container_of(ws, struct talker, ws), message_text(m));
}

static inline void
talker_ws_close(struct websocket *ws, int code, const char *reason)
{
	MUST(code >= 1000 && code < 5000 && reason != NULL);
	container_of(ws, struct talker, ws)->ws_open = false;
}

static inline void
talker_ws_pause(struct websocket *ws)
{
	container_of(ws, struct talker, ws)->unread = ws->paused;
}

static const struct websocket_ops talker_ws_ops = {
    .send = talker_ws_send, .close = talker_ws_close, .pause = talker_ws_pause};

#endif
