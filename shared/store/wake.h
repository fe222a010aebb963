/* wake: one datagram socket per process in the data folder; a byte to it means "look at the log".
 *
 * Sent after the commit; the listener empties its socket and then reads, so nothing is missed.  A
 * full socket means that the process is awake already. */
#ifndef POLLUX_WAKE_H
#define POLLUX_WAKE_H

/* Bind the socket of `slot` in `folder`, replacing what a dead process left there.
 * Return a non-blocking descriptor, or -1 with errno. */
int wake_open(const char *folder, int slot);

/* Close it and remove its name. */
void wake_close(int fd, const char *folder, int slot);

/* Read all that waits. */
void wake_empty(int fd);

/* Wake the process of another slot, from our socket.  One that is dead is not missed. */
void wake_send(int fd, const char *folder, int slot);

#endif
