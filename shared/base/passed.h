/* passed: descriptors that go over a Unix socket together with some bytes (SCM_RIGHTS). */
#ifndef POLLUX_PASSED_H
#define POLLUX_PASSED_H

#include <stddef.h>
#include <sys/types.h>

#define PASSED_MAX 128 /* descriptors in one call */

/* Send bytes, with `n` descriptors at the first of them; they stay the caller's.  Does not wait.
 * Return as send(): how many bytes were taken, and with them all descriptors; -1 with errno, E2BIG
 * for more than PASSED_MAX. */
ssize_t passed_send(int socket, const void *bytes, size_t size, const int *fds, size_t n);

/* Receive bytes, and the descriptors that came with them, up to `most`, at most PASSED_MAX: the
 * caller's from now on, closed at exec; `*n` is their number.  Does not wait.
 * Return as recv(); -1 with errno EPROTO if there were more descriptors: all are closed. */
ssize_t passed_receive(int socket, void *bytes, size_t size, int *fds, size_t most, size_t *n);

#endif
