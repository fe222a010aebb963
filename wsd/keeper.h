/* keeper: what is left of a process that has handed everything over to a newer version, where no
 * service manager was told of that.
 *
 * Whoever started it (a shell, flock(1), cron, a container) waits for this process: so it stays,
 * as the parent of the newer one, passes signals on, and ends as that ends.  It holds no
 * connection and no lock. */
#ifndef POLLUX_WSD_KEEPER_H
#define POLLUX_WSD_KEEPER_H

#include <sys/types.h>

/* Wait for the child `pid`, which serves, and return its exit code; 128 and the number of the
 * signal if one has ended it.  It writes nothing to the log, which is
 * the newer process's, and opens it again at SIGHUP. */
int keeper_run(pid_t pid);

#endif
