/* workers: the processes of [wsd] workers.
 *
 * With more than one, the first process serves nobody: it holds the listening sockets, starts a
 * worker for each core, starts one that dies again, passes signals on, and ends when all workers
 * have ended.  The sockets stay open in it whatever becomes of a worker, so no connection that
 * waits to be accepted is lost.  A worker is a process as pollux-wsd is with workers = 1: it opens
 * the store after the fork, and has a slot and a log line of its own.
 *
 *	first process                     worker
 *	SIGTERM, SIGINT: SIGTERM to all   SIGTERM: ends in order
 *	a second one: SIGURG to all       SIGURG: ends at once
 *	SIGHUP: the same, then to all     as ever
 *	SIGUSR1: to all                   as ever
 *	SIGUSR2: starts the new version   gives its websockets to workers of that, and ends
 *	killed                            SIGTERM from the kernel */
#ifndef POLLUX_WSD_WORKERS_H
#define POLLUX_WSD_WORKERS_H

#include <stddef.h>

#include "shared/base/config.h"
#include "shared/base/listen.h"
#include "wsd/successor.h"
#include "wsd/worker.h"

/* Serve until the end, and return the exit code.  Owns `sockets`. */
typedef int workers_serve(void *arg, struct listen *sockets, const struct worker *self);

/* SIGHUP has come to the first process: open the log and read the configuration again. */
typedef void workers_reload(void *arg);

/* How many workers there are to be: `auto` is one for each core that this process may run on. */
size_t workers_count(const struct config *cfg);

struct workers_job {
	size_t n;               /* workers */
	struct listen *sockets; /* owned by workers_run() */
	const char *addresses;
	const struct config *cfg;
	const struct successor_command *command;
	workers_serve *serve;   /* called in each worker, with `arg` */
	workers_reload *reload; /* called in the first process */
	void *arg;
};

/* Be the first process of the workers.  daemon_started() and what follows it are called here, when
 * all workers accept.  Return the exit code of the program, after all workers have ended;
 * `*successor` is the process that has taken over from it, as replace_finish() returns it.  It does
 * not return in workers. */
int workers_run(const struct workers_job *job, struct successor *successor);

#endif
