/* keeper: what is left of the first process when it has handed everything over to a newer version,
 * where no service manager was told of that.
 *
 * Whoever started it (a shell, flock(1), cron, a container) waits for this process: so it stays,
 * as the parent of the newer one, passes signals on, and ends as that ends.  It holds no
 * connection and no lock.
 *
 * When that one is replaced in its turn, it tells the keeper over the line (successor.h) by which
 * it had heard from it, with the line of the next, and ends: the next becomes the keeper's child.
 * So however often this happens there are two processes.  If the keeper was killed there is nobody
 * at the other end of the line, and the one that is replaced becomes the next keeper. */
#ifndef POLLUX_WSD_KEEPER_H
#define POLLUX_WSD_KEEPER_H

#include "wsd/successor.h"

/* The loop of a process that was replaced has ended: the signals that a keeper passes on wait until
 * keeper_tell() or keeper_run(). */
void keeper_hold_signals(void);

/* In a process that has taken over from another, and was replaced by `s`: tell the keeper at the
 * other end of `line` of it.  Return 0: this process is to end now, since the keeper goes on with
 * `s`.  -1: there is no keeper. */
int keeper_tell(int line, const struct successor *s);

/* Wait for `s`, which serves, and for those that take over from it; its line is closed.  Return the
 * exit code of the last; 128 and the number of the signal if one has ended it.  It writes nothing
 * to the log, which is the newer process's, and opens it again at SIGHUP. */
int keeper_run(const struct successor *s);

#endif
