/* worker: one of several processes that serve (workers.h), as it knows itself. */
#ifndef POLLUX_WSD_WORKER_H
#define POLLUX_WSD_WORKER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/base/config.h"
#include "wsd/balance.h"

struct worker {
	size_t index, n; /* from 0; of how many */
	pid_t parent;    /* the first process */
	struct balance *balance;
	int control; /* a socket to the first process, which passes ends on it */
	bool adopts; /* takes the connections of an older program */
};

/* Between the first process and its workers: to a worker, end at once; from a worker, look at the
 * balance.  Not SIGUSR2, which is often sent to all processes of a name.  Ignored by default. */
#define WORKER_SIGNAL SIGURG

/* After the fork: end with the first process, and take signals as a worker does: SIGUSR2 and
 * SIGINT are the first process's.  `mask` is the one to return to.  Return 0, or -1 when there
 * is no first process any more. */
int worker_begin(const struct worker *self, const sigset_t *mask);

/* Leave in `cfg` this worker's part of the limits that are the whole program's. */
void worker_divide(const struct worker *self, struct config *cfg);

/* Tell the first process that this worker accepts, as balance_set() has told.  The loop must handle
 * signals by then. */
void worker_ready(void);

/* To the worker whose control socket this is the other end of: give what you have away over these
 * `n` sockets; none: serve on instead.  0, or -1 with errno. */
int worker_pass_ends(int control, const int *ends, size_t n);

/* In the worker: take what was passed, `most` at the most.  1; 0: nothing was; -1: nothing will be
 * any more. */
int worker_take_ends(int control, int *ends, size_t most, size_t *n);

/* Whether the first process is gone. */
bool worker_is_orphan(const struct worker *self);

#endif
