/* events: the command `events`, which looks at the events for the web hook and changes them. */
#ifndef POLLUX_EVENTS_H
#define POLLUX_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"
#include "shared/base/buf.h"

#define EVENTS_MAX 100000 /* at once */

/* The command line. */
struct events {
	struct cli *cli;
	const char *verb;
	char **words; /* the ids */
	int words_n;
	int limit;
	bool all, dead, queued;
	const char *epoch; /* of the database; after cli_open() */
	size_t n;          /* events so far */
	bool left;         /* some were left, which is said */
	struct buf out;    /* with --json */
};

/* `retry` and `drop`: of those that were named, all or none; --all in parts, since other programs
 * wait meanwhile.  Prints how many.  Return 0, or an exit status after saying why. */
int events_change(struct events *e);

#endif
