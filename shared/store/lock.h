/* lock: kernel locks on bytes of one file, shared by all processes of a data folder.
 *
 * Open file description locks: the kernel releases them when the process dies, so nothing has to
 * be cleaned up after kill -9.  A forked child shares them: open the file after daemonizing. */
#ifndef POLLUX_LOCK_H
#define POLLUX_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/* Bytes of the lock file. */
enum lock_byte {
	LOCK_INIT = 0,        /* creating or replacing the database */
	LOCK_WRITER = 1,      /* one transaction at a time */
	LOCK_MAINTENANCE = 2, /* one process does maintenance */
	LOCK_HOOK = 3,        /* one process delivers to the web hook */
	LOCK_ACTIONS = 4,     /* one process runs the actions in the table action_in */
	LOCK_TAKEOVER = 5,    /* asks processes of an older version to leave */
	LOCK_LINK = 6,        /* one process is pollux-linkd */
	LOCK_TIME = 7,        /* one process does what is due by the clock */
	LOCK_SLOT = 1000,     /* + slot: that process is alive */
};

/* Open or create the lock file, with the rights `mode`.  Return its descriptor, or -1 with
 * errno. */
int lock_open(const char *path, mode_t mode);

/* Lock a byte, waiting at most `timeout_ms` (0: do not wait).  Return 0, or -1 with errno EAGAIN
 * when another process holds it.  Locking a byte again that this process holds succeeds. */
int lock_take(int fd, int byte, int timeout_ms);

void lock_give(int fd, int byte);

/* Whether another process holds the byte. */
bool lock_is_held(int fd, int byte);

/* The same for any of `n` bytes from `byte` on. */
bool lock_any_is_held(int fd, int byte, int n);

#endif
