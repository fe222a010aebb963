/* The command `bench`: opens sessions at a running server, lets each ask and wait for the answer,
 * and says how long that takes.  No application is asked and no other client hears of it: what is
 * asked for is a namespace that does not exist, which the server itself refuses. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cli/bench_client.h"
#include "shared/base/clock.h"
#include "shared/wire/json.h"

#define CLIENTS_DEFAULT 50
#define CLIENTS_MAX     1000
#define SECONDS_DEFAULT 10
#define SECONDS_MAX     40 /* less than any server waits for a heartbeat */
#define OPENING_MAX     32 /* at a time */

/* --- all of them ---------------------------------------------------------------------------- */

static bool
open_clients(struct bench *b)
{
	int64_t start = bench_client_now_us(), end = clock_ms() + BENCH_OPEN_MS;
	unsigned begun = 0;

	while (b->open + b->failed < b->n && clock_ms() < end && !b->net.stopped) {
		while (begun < b->n && b->opening < OPENING_MAX)
			bench_client_knock(b, &b->clients[begun++]);
		fetch_turn(&b->net, 100);
		for (unsigned i = 0; i < begun; i++)
			bench_client_step(b, &b->clients[i], false);
	}
	b->opened_us = bench_client_now_us() - start;
	for (unsigned i = 0; i < b->n && !b->net.stopped; i++)
		bench_client_give_up(b, &b->clients[i]);
	return b->open > 0 && !b->net.stopped;
}

static void
ask_for_a_while(struct bench *b)
{
	int64_t start = bench_client_now_us(), end = clock_ms() + (int64_t)b->seconds * 1000;

	while (clock_ms() < end && b->open > 0 && !b->net.stopped) {
		for (unsigned i = 0; i < b->n; i++)
			bench_client_step(b, &b->clients[i], true);
		fetch_turn(&b->net, 100);
	}
	b->asked_us = bench_client_now_us() - start;
}

/* End the sessions, so that the application hears of it now and not when their time is up. */
static void
leave(struct bench *b)
{
	int64_t end = clock_ms() + 2000;
	unsigned left = 0;

	b->net.deaf = true;
	b->net.stopped = false;
	for (unsigned i = 0; i < b->n; i++)
		bench_client_leave(b, &b->clients[i]);
	do {
		left = 0;
		fetch_turn(&b->net, 50);
		for (unsigned i = 0; i < b->n; i++)
			left += !bench_client_has_left(&b->clients[i]);
	} while (left > 0 && clock_ms() < end);
	for (unsigned i = 0; i < b->n; i++)
		bench_client_free(&b->clients[i]);
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
	double opened = (double)b->opened_us / 1e6, seconds = (double)b->asked_us / 1e6;
	struct buf out = {.p = NULL};

	if (b->opens.n > 0)
		qsort(b->opens.p, b->opens.n / sizeof(uint32_t), sizeof(uint32_t), compare_times);
	if (b->trips.n > 0)
		qsort(b->trips.p, b->trips.n / sizeof(uint32_t), sizeof(uint32_t), compare_times);
	if (b->cli->json) {
		buf_printf(&out,
		    "{\"transport\":\"%s\",\"clients\":%u,\"failed\":%u,\"opened_s\":%.3f,"
		    "\"open_ms\":{\"p50\":%.2f,\"p99\":%.2f},\"seconds\":%.3f,\"trips\":%" PRIu64
		    ",\"trip_ms\":{\"p50\":%.2f,\"p99\":%.2f},\"error\":",
		    b->polling ? "xhr-polling" : "websocket", b->n, b->failed, opened,
		    time_at(&b->opens, 50), time_at(&b->opens, 99), seconds, b->asked,
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
	    (unsigned)(b->opens.n / sizeof(uint32_t)), b->n,
	    b->polling ? "xhr-polling" : "websocket", opened, time_at(&b->opens, 50),
	    time_at(&b->opens, 99));
	printf("%" PRIu64 " round trips in %.1f s, %.0f a second; each took %.2f ms, 99 of 100 at "
	       "most %.2f ms\n",
	    b->asked, seconds, seconds > 0 ? (double)b->asked / seconds : 0, time_at(&b->trips, 50),
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
		wrong = site_resolve(&b.site, BENCH_OPEN_MS);
	}
	if (wrong != NULL) {
		cli_complain("%s: %s", b.url, wrong);
		return status;
	}
	b.clients = calloc(b.n, sizeof(*b.clients));
	if (b.clients == NULL || fetch_net_open(&b.net, clock_ms() + 2 * BENCH_OPEN_MS +
							    (int64_t)b.seconds * 1000) == -1) {
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
