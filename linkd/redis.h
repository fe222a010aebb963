/* redis: the connections to Redis, which come and go by themselves.
 *
 * There are two: one for commands, one for the command that waits for news.  It is up when both are
 * there, greeted; when one ends, both do, and it tries again with a growing delay.  A fault has one
 * line in the log, and so has its end.  Nothing is queued while it is down. */
#ifndef POLLUX_LINKD_REDIS_H
#define POLLUX_LINKD_REDIS_H

#include <stdbool.h>

#include <ev.h>
#include <hiredis/hiredis.h>

#include "linkd/line.h"
#include "shared/base/redis_url.h"

/* A reply that takes longer than this: Redis does not answer. */
#define REDIS_PATIENCE_MS 5000
/* How long the command of redis_block() may wait inside Redis. */
#define REDIS_BLOCK_MS 2000

struct redis;

struct redis_options {
	struct ev_loop *loop;
	const struct redis_url *url; /* borrowed */
	const char *name;            /* of us, in Redis' list of clients; borrowed */
	void (*on_up)(void *arg);
	/* All commands under way have got NULL for a reply, or get it before the loop goes on. */
	void (*on_down)(void *arg);
	void *arg;
};

/* Begin to connect.  NULL: no memory. */
struct redis *redis_open(const struct redis_options *options);
/* Close; commands under way get NULL, on_down() is not called.  NULL is allowed. */
void redis_close(struct redis *r);

bool redis_is_up(const struct redis *r);

/* Send a command, whose words are copied; see line_send().  Return 0, or -1: it is down, or too
 * many are under way; then `done` is not called. */
int redis_command(struct redis *r, line_done *done, void *arg, int argc, const char *const *argv,
    const size_t *lens);
/* The same of words that are texts; the last one is NULL. */
int redis_words(struct redis *r, line_done *done, void *arg, const char *const *words);
/* The same, on the connection for commands that wait, by REDIS_BLOCK_MS at most. */
int redis_block(struct redis *r, line_done *done, void *arg, const char *const *words);

/* How many were sent since the start. */
uint64_t redis_sent(const struct redis *r);

#endif
