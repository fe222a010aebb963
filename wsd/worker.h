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
};

/* After the fork: end with the first process, and take signals as a worker does; `mask` is the one
 * to return to.  Return 0, or -1 when there is no first process any more. */
int worker_begin(const struct worker *self, const sigset_t *mask);

/* Leave in `cfg` this worker's part of the limits that are the whole program's. */
void worker_divide(const struct worker *self, struct config *cfg);

/* Tell the first process that this worker accepts, as balance_set() has told.  The loop must handle
 * signals by then. */
void worker_ready(void);

/* Whether the first process is gone. */
bool worker_is_orphan(const struct worker *self);

#endif
