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
 *	a second one: SIGUSR2 to all      SIGUSR2: ends at once
 *	SIGHUP: the same, then to all     as ever
 *	SIGUSR1: to all                   as ever
 *	killed                            SIGTERM from the kernel */
#ifndef POLLUX_WSD_WORKERS_H
#define POLLUX_WSD_WORKERS_H

#include <stddef.h>

#include "shared/base/config.h"
#include "shared/base/listen.h"
#include "wsd/worker.h"

/* Serve until the end, and return the exit code.  Owns `sockets`. */
typedef int workers_serve(void *arg, struct listen *sockets, const struct worker *self);

/* SIGHUP has come to the first process: open the log and read the configuration again. */
typedef void workers_reload(void *arg);

/* How many workers there are to be: `auto` is one for each core that this process may run on. */
size_t workers_count(const struct config *cfg);

/* Be the first process of `n` workers; `serve` is called in each of them, with `arg`, and `reload`
 * here.  Owns `sockets`.  daemon_started() and what follows it are called here, when all workers
 * accept.  Return the exit code of the program, after all workers have ended.  It does not return
 * in workers. */
int workers_run(size_t n, struct listen *sockets, const char *addresses, workers_serve *serve,
    workers_reload *reload, void *arg);

#endif
