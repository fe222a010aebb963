/* greeting: what is settled with a Redis before it is used: password, database, version, and that
 * it can be written to. */
#ifndef POLLUX_LINKD_GREETING_H
#define POLLUX_LINKD_GREETING_H

#include "linkd/line.h"
#include "shared/base/redis_url.h"

/* Streams came with this version. */
#define GREETING_VERSION 5

#define GREETING_WHY_MAX 512

enum redis_fault {
	REDIS_FAULT_NONE,
	REDIS_FAULT_AWAY,     /* there is no connection, or it is loading its data */
	REDIS_FAULT_PASSWORD, /* it refuses the password, or wants one, or forbids something */
	REDIS_FAULT_OLD,
	REDIS_FAULT_REPLICA, /* it cannot be written to */
};

struct greeting {
	struct line *line;
	enum redis_fault fault;
	char why[GREETING_WHY_MAX]; /* of the fault, as the end of "Redis at ...: it ..." */
	char version[32];           /* "" until it is known */
	/* All is settled; read `fault`.  Not called if the connection ends before. */
	void (*done)(void *arg, struct greeting *g);
	void *arg;
};

/* Greet on the line, which has just opened; set `done` and `arg` before.  `*g` must live as long
 * as the line.  `name` is how Redis lists us.  Return 0, or -1: no memory. */
int greeting_send(
    struct greeting *g, struct line *line, const struct redis_url *url, const char *name);

/* What an error of Redis means for all that we want of it; REDIS_FAULT_NONE: only the command was
 * wrong. */
enum redis_fault greeting_judge(const char *error);

#endif
