/* wake: one datagram socket per process in the data folder; a byte to it means "read the log".
 *
 * It is sent after the commit.  The receiver empties its socket before it reads the log, so no row
 * is missed.  A full socket means that the process has a wake-up pending already. */
#ifndef POLLUX_WAKE_H
#define POLLUX_WAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/file.h"

/* Bind the socket `name`.`slot` in `folder`, replacing the stale socket of a dead process; it gets
 * the rights `mode`.  Return a non-blocking descriptor, or -1 with errno. */
int wake_bind(const char *folder, const char *name, int slot, mode_t mode);

/* Close it and remove its file. */
void wake_unbind(int fd, const char *folder, const char *name, int slot);

/* The socket that wakes this process; `id` is of its file, which others may delete. */
int wake_open(const char *folder, int slot, mode_t mode, struct file_id *id);
bool wake_is_there(const char *folder, int slot, struct file_id id);
void wake_close(int fd, const char *folder, int slot, struct file_id id);

/* Send a datagram of `n` pieces to socket `name`.`slot`, from any datagram socket.  Return 0, or -1
 * with errno: EAGAIN, its reader is slow; ECONNREFUSED or ENOENT, it has no reader. */
struct iovec;
int wake_post(
    int fd, const char *folder, const char *name, int slot, const struct iovec *pieces, size_t n);

/* Read and drop all pending wake-ups. */
void wake_empty(int fd);

/* Wake the process of another slot, sending from our socket `fd`.  A dead one is ignored. */
void wake_send(int fd, const char *folder, int slot);

#endif
