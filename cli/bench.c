/* The command `bench`: opens sessions at a running server, lets each ask and wait for the answer,
 * and says how long that takes.  No application is asked and no other client hears of it: what is
 * asked for is a namespace that does not exist, which the server itself refuses. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/fetch.h"
#include "cli/site.h"
#include "cli/visit.h"
#include "shared/base/clock.h"
#include "shared/wire/json.h"

#define CLIENTS_DEFAULT 50
#define CLIENTS_MAX     1000
#define SECONDS_DEFAULT 10
#define SECONDS_MAX     40 /* less than any server waits for a heartbeat */
#define OPENING_MAX     32 /* at a time */
#define OPEN_MS         20000
#define TIMES_MAX       4000000 /* trips whose times are kept */
#define PATH_LENGTH_MAX (SITE_PATH_MAX + 512)

enum bench_state {
	BENCH_NEW,
	BENCH_KNOCKING, /* the handshake is under way */
	BENCH_ENTERING, /* its first transport is */
	BENCH_OPEN,
	BENCH_ASKING,
	BENCH_FAILED,
};

struct bench_client {
	enum bench_state state;
	char sid[64];
	struct fetch *line; /* the handshake, then the websocket or the poll */
	struct fetch *post;
	int64_t since_us; /* when the handshake began, or the question was asked */
};

struct bench {
	struct cli *cli;
	const char *url, *query, *resource;
	bool polling;
	unsigned n, seconds;
	struct site site;
	struct fetch_net net;
	struct bench_client *clients;
	unsigned open, opening, failed;
	char why[320];           /* the first failure */
	int64_t opened_us;       /* how long it took to open all */
	struct buf opens, trips; /* uint32_t: microseconds each */
	uint64_t asked;
};

static int64_t
bench_now_us(void)
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

static void
fail_client(struct bench *b, struct bench_client *c, const char *what, const struct fetch *f)
{
	char outcome[320];

	if (c->state < BENCH_OPEN)
		b->opening--;
	else
		b->open--;
	if (b->failed++ == 0)
		snprintf(b->why, sizeof(b->why), "%s: %.250s", what,
		    f == NULL ? "out of memory" : fetch_outcome(f, outcome));
	c->state = BENCH_FAILED;
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
					.timeout_ms = OPEN_MS + (int64_t)b->seconds * 1000,
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

static void
knock_client(struct bench *b, struct bench_client *c)
{
	char path[PATH_LENGTH_MAX];

	snprintf(path, sizeof(path), "%s/1/%s%s", b->site.path, b->query == NULL ? "" : "?",
	    b->query == NULL ? "" : b->query);
	b->opening++;
	c->state = BENCH_KNOCKING;
	c->since_us = bench_now_us();
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
	note_time(&b->opens, bench_now_us() - c->since_us);
	b->opening--;
	b->open++;
	c->state = BENCH_OPEN;
}

static void
ask(struct bench *b, struct bench_client *c)
{
	c->state = BENCH_ASKING;
	c->since_us = bench_now_us();
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
	note_time(&b->trips, bench_now_us() - c->since_us);
	b->asked++;
	c->state = BENCH_OPEN;
}

/* Go on with a client; `asks`: it may ask the next question. */
static void
step_client(struct bench *b, struct bench_client *c, bool asks)
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

/* --- all of them ---------------------------------------------------------------------------- */

static bool
open_clients(struct bench *b)
{
	int64_t start = bench_now_us(), end = clock_ms() + OPEN_MS;
	unsigned begun = 0;

	while (b->open + b->failed < b->n && clock_ms() < end && !b->net.stopped) {
		while (begun < b->n && b->opening < OPENING_MAX)
			knock_client(b, &b->clients[begun++]);
		fetch_turn(&b->net, 100);
		for (unsigned i = 0; i < begun; i++)
			step_client(b, &b->clients[i], false);
	}
	b->opened_us = bench_now_us() - start;
	return b->open > 0 && !b->net.stopped;
}

static void
ask_for_a_while(struct bench *b)
{
	int64_t end = clock_ms() + (int64_t)b->seconds * 1000;

	while (clock_ms() < end && b->open > 0 && !b->net.stopped) {
		for (unsigned i = 0; i < b->n; i++)
			step_client(b, &b->clients[i], true);
		fetch_turn(&b->net, 100);
	}
}

/* End the sessions, so that the application hears of it now and not when their time is up. */
static void
leave(struct bench *b)
{
	int64_t end = clock_ms() + 2000;
	unsigned left = 0;

	b->net.deaf = true;
	b->net.stopped = false;
	for (unsigned i = 0; i < b->n; i++) {
		struct bench_client *c = &b->clients[i];

		fetch_free(c->post);
		c->post = NULL;
		if (c->sid[0] == '\0')
			continue;
		if (!b->polling && c->line != NULL && c->line->state == FETCH_UPGRADED)
			send_bench_frame(c, SLICE("0::"));
		else if (b->polling)
			replace_line(c,
			    start_on_session(b, c, NULL, "?disconnect=1", (struct slice){NULL, 0}));
	}
	do {
		left = 0;
		fetch_turn(&b->net, 50);
		for (unsigned i = 0; i < b->n; i++)
			left += b->clients[i].line != NULL && !fetch_has_ended(b->clients[i].line);
	} while (left > 0 && clock_ms() < end);
	for (unsigned i = 0; i < b->n; i++)
		fetch_free(b->clients[i].line);
}

/* --- the result ----------------------------------------------------------------------------- */

static int
compare_times(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The time in ms that `percent` of all do not exceed; they are sorted. */
static double
time_at(const struct buf *times, unsigned percent)
{
	size_t n = times->n / sizeof(uint32_t);
	uint32_t value;

	if (n == 0)
		return 0;
	memcpy(&value, times->p + (n - 1) * percent / 100 * sizeof(value), sizeof(value));
	return value / 1000.;
}

static int
print_bench(struct bench *b)
{
	double opened = (double)b->opened_us / 1e6;
	struct buf out = {.p = NULL};

	if (b->opens.n > 0)
		qsort(b->opens.p, b->opens.n / sizeof(uint32_t), sizeof(uint32_t), compare_times);
	if (b->trips.n > 0)
		qsort(b->trips.p, b->trips.n / sizeof(uint32_t), sizeof(uint32_t), compare_times);
	if (b->cli->json) {
		buf_printf(&out,
		    "{\"transport\":\"%s\",\"clients\":%u,\"failed\":%u,\"opened_s\":%.3f,"
		    "\"open_ms\":{\"p50\":%.2f,\"p99\":%.2f},\"seconds\":%u,\"trips\":%" PRIu64
		    ",\"trip_ms\":{\"p50\":%.2f,\"p99\":%.2f},\"error\":",
		    b->polling ? "xhr-polling" : "websocket", b->n, b->failed, opened,
		    time_at(&b->opens, 50), time_at(&b->opens, 99), b->seconds, b->asked,
		    time_at(&b->trips, 50), time_at(&b->trips, 99));
		if (b->failed == 0)
			buf_puts(&out, "null");
		else
			json_write_string(&out, slice_of(b->why));
		buf_puts(&out, "}\n");
		return cli_flush(&out);
	}
	printf("%u of %u clients on %s opened in %.2f s; each took %.2f ms, 99 of 100 at most "
	       "%.2f ms\n",
	    b->n - b->failed, b->n, b->polling ? "xhr-polling" : "websocket", opened,
	    time_at(&b->opens, 50), time_at(&b->opens, 99));
	printf("%" PRIu64 " round trips in %u s, %.0f a second; each took %.2f ms, 99 of 100 at "
	       "most %.2f ms\n",
	    b->asked, b->seconds, (double)b->asked / b->seconds, time_at(&b->trips, 50),
	    time_at(&b->trips, 99));
	if (b->failed > 0) {
		printf("%u failed, the first with ", b->failed);
		cli_print(stdout, slice_of(b->why));
		putchar('\n');
	}
	return 0;
}

/* --- the command ---------------------------------------------------------------------------- */

enum {
	KEY_QUERY = 0x100,
	KEY_POLLING,
	KEY_RESOURCE,
};

static error_t
parse_bench(int key, char *arg, struct argp_state *state)
{
	struct bench *b = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = b->cli;
		return 0;
	case 'n':
		b->n = options_number(state, "-n", arg, 1, CLIENTS_MAX);
		return 0;
	case 't':
		b->seconds = options_number(state, "-t", arg, 1, SECONDS_MAX);
		return 0;
	case KEY_QUERY:
		b->query = arg;
		return 0;
	case KEY_POLLING:
		b->polling = true;
		return 0;
	case KEY_RESOURCE:
		b->resource = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (b->url != NULL)
			argp_error(state, "one URL, please");
		b->url = arg;
		return 0;
	case ARGP_KEY_END:
		if (b->url == NULL)
			argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void
read_bench_line(struct bench *b, int argc, char **argv)
{
	static const struct argp_option options[] = {
	    {"clients", 'n', "N", 0, "So many clients (default: 50)", 1},
	    {"time", 't', "SECONDS", 0, "Ask for so long (default: 10)", 1},
	    {"polling", KEY_POLLING, NULL, 0, "By xhr-polling instead of websockets", 1},
	    {"query", KEY_QUERY, "QUERY", 0, "Of the handshake, such as token=x", 1},
	    {"resource", KEY_RESOURCE, "NAME", 0,
		"The last name of Socket.IO's path (default: "
		"socket.io)",
		1},
	    {0},
	};
	static const struct argp_child children[] = {{&options_argp, 0, NULL, 0}, {0}};
	static const struct argp argp = {.options = options,
	    .parser = parse_bench,
	    .args_doc = "URL",
	    .doc = "Measure a running server: open sessions, and let each ask and wait for the "
		   "answer, again and again.  No other client hears of it.",
	    .children = children};

	argp_parse(&argp, argc, argv, 0, NULL, b);
}

int
bench_run(struct cli *c, int argc, char **argv)
{
	struct bench b = {.cli = c, .n = CLIENTS_DEFAULT, .seconds = SECONDS_DEFAULT};
	const char *wrong;
	int status;

	b.resource = "socket.io";
	read_bench_line(&b, argc, argv);
	status = EX_USAGE;
	wrong = site_read(&b.site, b.url, b.resource);
	if (wrong == NULL) {
		status = EX_UNAVAILABLE;
		wrong = site_resolve(&b.site, OPEN_MS);
	}
	if (wrong != NULL) {
		cli_complain("%s: %s", b.url, wrong);
		return status;
	}
	b.clients = calloc(b.n, sizeof(*b.clients));
	if (b.clients == NULL ||
	    fetch_net_open(&b.net, clock_ms() + 2 * OPEN_MS + (int64_t)b.seconds * 1000) == -1) {
		cli_complain("not started: out of memory");
		free(b.clients);
		return EX_OSERR;
	}
	cli_catch_signals();
	signal(SIGPIPE, SIG_IGN); /* a server that closes early is a failure of its client */
	if (open_clients(&b))
		ask_for_a_while(&b);
	leave(&b);
	status = print_bench(&b);
	if (status == 0 && (b.failed > 0 || b.asked == 0))
		status = EX_UNAVAILABLE;
	fetch_net_close(&b.net);
	buf_free(&b.opens);
	buf_free(&b.trips);
	free(b.clients);
	return status;
}
