/* line: one connection to Redis, or to a sentinel, by hiredis.
 *
 * It ends itself when nothing comes back for too long.  Any of its callbacks may close it. */
#ifndef POLLUX_LINKD_LINE_H
#define POLLUX_LINKD_LINE_H

#include <stdint.h>

#include <ev.h>
#include <hiredis/hiredis.h>

/* Commands under way at once; more are refused. */
#define LINE_PENDING_MAX 8192

struct line;

/* The reply to a command, borrowed; NULL: the connection ended before it came.  Errors of Redis are
 * replies of the type REDIS_REPLY_ERROR. */
typedef void line_done(void *arg, const redisReply *reply);

struct line_options {
	struct ev_loop *loop;
	const char *address; /* numeric; NULL: `path` */
	unsigned port;
	const char *path;    /* of a socket */
	int64_t patience_ms; /* until a connection, or the oldest reply, must be there */
	void (*on_open)(void *arg);
	/* It has ended, or could not be opened: close it.  `why` is borrowed. */
	void (*on_ended)(void *arg, const char *why);
	/* After a reply was an error: its words. */
	void (*on_error)(void *arg, const char *text);
	void *arg;
};

/* Begin to connect.  Strings of `options` are needed during the call only.  NULL: it failed at
 * once, for lack of memory or descriptors. */
struct line *line_open(const struct line_options *options);

/* End it; the commands under way get NULL, at the latest when the callback that calls this returns.
 * NULL is allowed. */
void line_close(struct line *c);

/* Send a command; its words are copied.  `done` may be NULL.  Return 0, or -1: there are too many
 * under way, or no memory; then `done` is not called. */
int line_send(struct line *c, line_done *done, void *arg, int argc, const char *const *argv,
    const size_t *lens);

/* The same of words that are texts; the last one is NULL. */
int line_send_words(struct line *c, line_done *done, void *arg, const char *const *words);

#endif
