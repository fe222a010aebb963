#include "cli/bench_client.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/visit.h"

#define TIMES_MAX       4000000 /* trips whose times are kept */
#define PATH_LENGTH_MAX (SITE_PATH_MAX + 512)

int64_t
bench_client_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
note_time(struct buf *times, int64_t us)
{
	uint32_t value = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;

	if (times->n < TIMES_MAX * sizeof(value))
		buf_add(times, &value, sizeof(value));
}

/* It has failed; `why` is for the first of them. */
static void
count_failure(struct bench *b, struct bench_client *c, const char *what, const char *why)
{
	if (c->state == BENCH_OPEN || c->state == BENCH_ASKING)
		b->open--;
	else if (c->state != BENCH_NEW)
		b->opening--;
	if (b->failed++ == 0)
		snprintf(b->why, sizeof(b->why), "%s: %.250s", what, why);
	c->state = BENCH_FAILED;
}

static void
fail_client(struct bench *b, struct bench_client *c, const char *what, const struct fetch *f)
{
	char outcome[320];

	count_failure(b, c, what, f == NULL ? "out of memory" : fetch_outcome(f, outcome));
}

/* --- requests ------------------------------------------------------------------------------- */

static struct fetch *
start_request(
    struct bench *b, const char *path, const char *headers, const char *method, struct slice body)
{
	return fetch_start(&b->net, &(struct fetch_request){
					.site = &b->site,
					.method = method,
					.path = path,
					.headers = headers,
					.body = body,
					.timeout_ms = BENCH_OPEN_MS + (int64_t)b->seconds * 1000,
				    });
}

static struct fetch *
start_on_session(struct bench *b, const struct bench_client *c, const char *method,
    const char *suffix, struct slice body)
{
	char path[PATH_LENGTH_MAX];

	snprintf(path, sizeof(path), "%s/1/%s/%s%s", b->site.path,
	    b->polling ? "xhr-polling" : "websocket", c->sid, suffix);
	return start_request(b, path,
	    b->polling
		? NULL
		: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n",
	    method, body);
}

/* Send one text frame of a client; its mask is zero, so that the text stays as it is. */
static void
send_bench_frame(struct bench_client *c, struct slice text)
{
	char frame[6 + 125] = {(char)0x81, (char)(0x80 | text.n), 0, 0, 0, 0};

	/* in one piece, or the second waits for the other end to acknowledge the first (Nagle) */
	memcpy(frame + 6, text.p, text.n);
	fetch_say(c->line, (struct slice){frame, 6 + text.n});
}

static void
replace_line(struct bench_client *c, struct fetch *f)
{
	fetch_free(c->line);
	c->line = f;
}

/* --- one client ----------------------------------------------------------------------------- */

void
bench_client_knock(struct bench *b, struct bench_client *c)
{
	char path[PATH_LENGTH_MAX];

	snprintf(path, sizeof(path), "%s/1/%s%s", b->site.path, b->query == NULL ? "" : "?",
	    b->query == NULL ? "" : b->query);
	b->opening++;
	c->state = BENCH_KNOCKING;
	c->since_us = bench_client_now_us();
	c->line = start_request(b, path, NULL, NULL, (struct slice){NULL, 0});
	if (c->line == NULL)
		fail_client(b, c, "a handshake", NULL);
}

static void
enter(struct bench *b, struct bench_client *c)
{
	struct slice rest = buf_slice(&c->line->body), sid;

	if (c->line->state != FETCH_DONE || c->line->status != 200 ||
	    !slice_cut(&rest, ':', &sid) || sid.n == 0 || sid.n >= sizeof(c->sid)) {
		fail_client(b, c, "a handshake", c->line);
		return;
	}
	snprintf(c->sid, sizeof(c->sid), "%.*s", (int)sid.n, sid.p);
	c->state = BENCH_ENTERING;
	replace_line(c, start_on_session(b, c, NULL, "", (struct slice){NULL, 0}));
	if (c->line == NULL)
		fail_client(b, c, "a session", NULL);
}

static void
note_open(struct bench *b, struct bench_client *c)
{
	note_time(&b->opens, bench_client_now_us() - c->since_us);
	b->opening--;
	b->open++;
	c->state = BENCH_OPEN;
}

static void
ask(struct bench *b, struct bench_client *c)
{
	c->state = BENCH_ASKING;
	c->since_us = bench_client_now_us();
	buf_clear(&c->line->body);
	if (!b->polling) {
		send_bench_frame(c, visit_question());
		return;
	}
	replace_line(c, start_on_session(b, c, NULL, "", (struct slice){NULL, 0}));
	c->post = start_on_session(b, c, "POST", "", visit_question());
	if (c->line == NULL || c->post == NULL)
		fail_client(b, c, "a question", NULL);
}

static void
take_trip(struct bench *b, struct bench_client *c)
{
	struct fetch *f = c->line;

	if (b->polling ? !fetch_has_ended(f) : f->state == FETCH_UPGRADED) {
		if (b->polling || !visit_is_answer(buf_slice(&f->body)))
			return; /* it is still to come */
	} else if (f->state != FETCH_DONE || f->status != 200) {
		fail_client(b, c, "an answer", f);
		return;
	}
	if (!visit_is_answer(buf_slice(&f->body))) { /* of a poll: something else */
		replace_line(c, start_on_session(b, c, NULL, "", (struct slice){NULL, 0}));
		if (c->line == NULL)
			fail_client(b, c, "a poll", NULL);
		return;
	}
	if (c->post != NULL && !fetch_has_ended(c->post))
		return; /* the client sends no second POST before */
	fetch_free(c->post);
	c->post = NULL;
	note_time(&b->trips, bench_client_now_us() - c->since_us);
	b->asked++;
	c->state = BENCH_OPEN;
}

void
bench_client_step(struct bench *b, struct bench_client *c, bool asks)
{
	switch (c->state) {
	case BENCH_KNOCKING:
		if (fetch_has_ended(c->line))
			enter(b, c);
		break;
	case BENCH_ENTERING:
		if (fetch_has(c->line, "1::") &&
		    (c->line->state == FETCH_UPGRADED || c->line->state == FETCH_DONE))
			note_open(b, c);
		else if (fetch_has_ended(c->line))
			fail_client(b, c, "a session", c->line);
		break;
	case BENCH_OPEN:
		if (asks)
			ask(b, c);
		break;
	case BENCH_ASKING:
		take_trip(b, c);
		if (c->state == BENCH_OPEN && asks)
			ask(b, c);
		break;
	case BENCH_NEW:
	case BENCH_FAILED:
		break;
	}
}

void
bench_client_give_up(struct bench *b, struct bench_client *c)
{
	if (c->state == BENCH_NEW || c->state == BENCH_KNOCKING)
		count_failure(b, c, "a handshake", "it was not answered in time");
	else if (c->state == BENCH_ENTERING)
		count_failure(b, c, "a session", "it did not open in time");
}

/* --- its end -------------------------------------------------------------------------------- */

void
bench_client_leave(struct bench *b, struct bench_client *c)
{
	fetch_free(c->post);
	c->post = NULL;
	if (c->sid[0] == '\0')
		replace_line(c, NULL);
	else if (!b->polling && c->line != NULL && c->line->state == FETCH_UPGRADED)
		send_bench_frame(c, SLICE("0::"));
	else if (b->polling)
		replace_line(
		    c, start_on_session(b, c, NULL, "?disconnect=1", (struct slice){NULL, 0}));
}

bool
bench_client_has_left(const struct bench_client *c)
{
	return c->line == NULL || fetch_has_ended(c->line);
}

void
bench_client_free(struct bench_client *c)
{
	fetch_free(c->post);
	fetch_free(c->line);
}
