/* wake: one datagram socket per process in the data folder; a byte to it means "look at the log".
 *
 * Sent after the commit; the listener empties its socket and then reads, so nothing is missed.  A
 * full socket means that the process is awake already. */
#ifndef POLLUX_WAKE_H
#define POLLUX_WAKE_H

#include <stddef.h>

/* Bind the socket `name`.`slot` in `folder`, replacing what a dead process left there; it belongs
 * to the owner of the folder.  Return a non-blocking descriptor, or -1 with errno. */
int wake_bind(const char *folder, const char *name, int slot);

/* Close it and remove its name. */
void wake_unbind(int fd, const char *folder, const char *name, int slot);

/* The socket that wakes this process. */
int wake_open(const char *folder, int slot);
void wake_close(int fd, const char *folder, int slot);

/* Send a datagram in pieces to socket `name`.`slot`, from any of ours.  Return 0, or -1 with errno:
 * EAGAIN, its reader is slow; ECONNREFUSED or ENOENT, there is none. */
struct iovec;
int wake_post(
    int fd, const char *folder, const char *name, int slot, const struct iovec *pieces, size_t n);

/* Read all that waits. */
void wake_empty(int fd);

/* Wake the process of another slot, from our socket.  One that is dead is not missed. */
void wake_send(int fd, const char *folder, int slot);

#endif
