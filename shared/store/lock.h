/* lock: kernel locks on bytes of one file, shared by all processes of a data folder.
 *
 * Open file description locks: they vanish with the process, however it dies, so nothing has to
 * be cleaned up after kill -9.  They leak through fork(): open after daemonizing. */
#ifndef POLLUX_LOCK_H
#define POLLUX_LOCK_H

#include <stdbool.h>

/* Bytes of the lock file. */
enum lock_byte {
	LOCK_INIT = 0,        /* creating or replacing the database */
	LOCK_WRITER = 1,      /* one transaction at a time */
	LOCK_HOUSEKEEPER = 2, /* one process tidies up */
	LOCK_HOOK = 3,        /* one process delivers to the web hook */
	LOCK_DOOR = 4,        /* one process does what is in the table action_in */
	LOCK_SLOT = 1000,     /* + slot: that process is alive */
};

/* Open or make the lock file.  Return its descriptor, or -1 with errno. */
int lock_open(const char *path);

/* Take a byte, waiting at most `timeout_ms` (0: do not wait).  Return 0, or -1 with errno EAGAIN
 * when another process has it. */
int lock_take(int fd, int byte, int timeout_ms);

void lock_give(int fd, int byte);

/* Does another process hold the byte? */
bool lock_is_held(int fd, int byte);

#endif
