/* lock_waiter: a thread that waits for a lock, so that a loop that serves sockets need not.  It
 * waits in the kernel, which serves all waiters in order. */
#ifndef POLLUX_LOCK_WAITER_H
#define POLLUX_LOCK_WAITER_H

#include <stdbool.h>

struct lock_waiter;

/* Begin to wait for `byte` of the file `fd` (lock.h).  As soon as it is ours `tell` is called, in
 * the thread.  NULL: no thread could be started. */
struct lock_waiter *lock_waiter_start(int fd, int byte, void (*tell)(void *arg), void *arg);

/* Is the lock ours by now?  Wait for that, at most `timeout_ms`. */
bool lock_waiter_has_it(struct lock_waiter *w, int timeout_ms);

/* End the thread and free `w`.  The lock stays ours if lock_waiter_has_it() has said so; else the
 * caller gives it, since it may be.  NULL is allowed. */
void lock_waiter_end(struct lock_waiter *w);

#endif
