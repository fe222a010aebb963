/* asked: a request of a client, and the answer that it gets. */
#ifndef POLLUX_TESTS_ASKED_H
#define POLLUX_TESTS_ASKED_H

#include <stdio.h>
#include <string.h>

#include "shared/base/container.h"
#include "shared/transport/exchange.h"

#define ASKED_ORIGIN "http://page.example"

struct asked {
	struct exchange x;
	int status; /* 0: no answer yet */
	bool over, judged, closes;
	char type[64], headers[512], body[4096];
};

static inline struct asked *
asked_of(struct exchange *x)
{
	return container_of(x, struct asked, x);
}

static inline void
asked_note(char *text, size_t size, struct slice more)
{
	size_t n = strlen(text);

	assert_true(n + more.n < size);
	if (more.n > 0)
		memcpy(text + n, more.p, more.n);
	text[n + more.n] = '\0';
}

static inline void
asked_begin(struct exchange *x, const struct response *r)
{
	struct asked *a = asked_of(x);

	assert_int_equal(a->status, 0);
	a->status = r->status;
	a->closes = r->closes;
	snprintf(a->type, sizeof(a->type), "%s", r->content_type == NULL ? "" : r->content_type);
	asked_note(a->headers, sizeof(a->headers), r->headers);
	asked_note(a->body, sizeof(a->body), r->body);
}

static inline void
asked_piece(struct exchange *x, struct slice bytes)
{
	assert_false(asked_of(x)->over);
	asked_note(asked_of(x)->body, sizeof(asked_of(x)->body), bytes);
}

static inline void
asked_finish(struct exchange *x)
{
	assert_false(asked_of(x)->over);
	asked_of(x)->over = true;
}

static inline void
asked_respond(struct exchange *x, const struct response *r)
{
	asked_begin(x, r);
	asked_finish(x);
}

static inline struct slice
asked_no_header(const struct exchange *x, const char *name)
{
	(void)x;
	(void)name;
	return (struct slice){NULL, 0};
}

static inline void
asked_no_headers(const struct exchange *x,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	(void)x;
	(void)each;
	(void)arg;
}

static inline bool
asked_no_upgrade(const struct exchange *x)
{
	(void)x;
	return false;
}

static inline void
asked_judge_again(struct exchange *x)
{
	asked_of(x)->judged = true;
}

/* A request without headers but Origin, and not answered yet. */
static inline void
asked_describe(struct asked *a, const char *method, const char *target, const char *body)
{
	static const struct exchange_ops ops = {
	    asked_respond, asked_begin, asked_piece, asked_finish};

	*a = (struct asked){
	    .x = {.ops = &ops,
		.method = slice_of(method),
		.target = slice_of(target),
		.origin = SLICE(ASKED_ORIGIN),
		.body = slice_of(body),
		.address = SLICE("127.0.0.1"),
		.header = asked_no_header,
		.each_header = asked_no_headers,
		.upgrades = asked_no_upgrade,
		.judge_again = asked_judge_again},
	};
}

/* What became of its answer. */
static inline void
asked_tell_fate(struct asked *a, enum exchange_fate fate)
{
	if (a->x.on_fate != NULL)
		a->x.on_fate(&a->x, fate, a->x.holder);
	a->x.on_fate = NULL;
}

#endif
