/* bench_client: one client of `pollux bench`: it opens a session, asks, waits for the answer, and
 * asks again, by a websocket or by xhr-polling. */
#ifndef POLLUX_BENCH_CLIENT_H
#define POLLUX_BENCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "cli/fetch.h"
#include "cli/site.h"

#define BENCH_OPEN_MS 20000 /* for all to open, and longest for a request of one of them */

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
	int64_t asked_us;        /* how long they asked */
	struct buf opens, trips; /* uint32_t: microseconds each */
	uint64_t asked;
};

int64_t bench_client_now_us(void);

/* Begin its handshake. */
void bench_client_knock(struct bench *b, struct bench_client *c);

/* Go on with it; `asks`: it may ask the next question. */
void bench_client_step(struct bench *b, struct bench_client *c, bool asks);

/* It has not opened in time. */
void bench_client_give_up(struct bench *b, struct bench_client *c);

/* Begin to end its session, if it has one; what it has asked is given up. */
void bench_client_leave(struct bench *b, struct bench_client *c);
/* Has that ended? */
bool bench_client_has_left(const struct bench_client *c);
void bench_client_free(struct bench_client *c);

#endif
