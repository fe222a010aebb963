/* tls: TLS on one connection, between its socket and what it speaks.
 *
 *	tls_new -> tls_open, whenever the socket is ready -> tls_read, tls_write -> tls_end, FIN
 *
 * The socket stays the caller's, who watches it.  Nothing is held back: after tls_read() all that
 * is left is in the kernel, where the loop sees it.  An idle connection has no buffers. */
#ifndef POLLUX_WSD_TLS_H
#define POLLUX_WSD_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "wsd/tls_context.h"

struct tls;

/* A record is encrypted and signed as one: its first byte can be read when its last has arrived.
 * What we write has at most so many bytes, for clients whose line is slow. */
#define TLS_RECORD_BYTES ((size_t)4096)

/* tls_read() needs a buffer of more than this, the most that a client may put into one. */
#define TLS_RECORD_MAX ((size_t)16384)

/* For a connection that was accepted; `fd` is borrowed.  NULL: out of memory. */
struct tls *tls_new(const struct tls_context *context, int fd);

enum tls_opening {
	TLS_OPEN,   /* the handshake is done */
	TLS_MORE,   /* it needs the socket again: to write if tls_wants_write(), else to read */
	TLS_ENDED,  /* the peer has left, and said nothing wrong */
	TLS_FAILED, /* no TLS is possible; the peer has been told why, and the log */
	TLS_POLICY, /* it begins like a request for the Flash policy, which comes without TLS */
	TLS_PLAIN,  /* it begins like a request of HTTP without TLS */
};

/* Go on with the handshake.  After TLS_POLICY and TLS_PLAIN nothing is read yet. */
enum tls_opening tls_open(struct tls *t);

/* Whether the handshake is not done yet; and whether it waits to write. */
bool tls_is_opening(const struct tls *t);
bool tls_wants_write(const struct tls *t);

/* Read what has arrived: until `enough` bytes or more are there, and never more than `size`, which
 * is at least `enough` + TLS_RECORD_MAX.  As recv(): 0 is the peer's end, with or without its
 * close_notify; -1 with errno, EAGAIN or EPROTO. */
ssize_t tls_read(struct tls *t, char *to, size_t enough, size_t size);

/* Whether tls_read() has seen the peer's end, maybe after bytes that it has returned: the socket
 * need not become readable any more. */
bool tls_has_ended(const struct tls *t);

/* Write as much as the kernel takes, small pieces together in one record.  As writev().  After a
 * call that has not written all, the next one must begin with the same bytes. */
ssize_t tls_write(struct tls *t, const struct iovec *iov, int n);

/* Send close_notify.  Return 0 when nothing is left to be sent, or -1 when the kernel takes no more
 * now: call it again. */
int tls_end(struct tls *t);

/* Free it, after a last try to send close_notify.  NULL is allowed. */
void tls_free(struct tls *t);

#endif
