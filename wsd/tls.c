#include "wsd/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "shared/base/log.h"

struct tls {
	SSL *ssl;
	int fd;
	uint16_t pending; /* bytes of a record that OpenSSL has and the kernel does not yet */
	bool sniffed : 1; /* the first byte was looked at */
	bool opened : 1;
	bool wants_write : 1; /* the handshake does */
	bool peer_ended : 1;
	bool ended : 1;  /* close_notify is sent */
	bool broken : 1; /* after an error of TLS nothing may be sent, not even close_notify */
};

struct tls *
tls_new(const struct tls_context *context, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));

	ERR_clear_error();
	if (t != NULL)
		t->ssl = SSL_new(tls_context_current(context));
	if (t == NULL || t->ssl == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		tls_free(t);
		ERR_clear_error();
		return NULL;
	}
	t->fd = fd;
	SSL_set_accept_state(t->ssl);
	return t;
}

/* --- the handshake -------------------------------------------------------------------------- */

/* Look at the first byte, without reading it. */
static enum tls_opening
sniff(struct tls *t)
{
	unsigned char first;
	ssize_t n = recv(t->fd, &first, 1, MSG_PEEK);

	if (n == 0)
		return TLS_ENDED;
	if (n == -1)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TLS_MORE
		                                                                 : TLS_ENDED;
	t->sniffed = true;
	if (first == '<')
		return TLS_POLICY;
	/* a method is in capitals */
	return first >= 'A' && first <= 'Z' ? TLS_PLAIN : TLS_OPEN;
}

/* Clients that fail come again and again: a line a minute for each kind. */
static void
log_failure(void)
{
	unsigned long error = ERR_peek_error();
	const char *reason = ERR_reason_error_string(error);

	if (ERR_GET_LIB(error) == ERR_LIB_SSL &&
	    ERR_GET_REASON(error) == SSL_R_UNSUPPORTED_PROTOCOL)
		log_limited(LOG_LEVEL_INFO, "a client was refused that has no version of TLS from "
					    "[wsd] tls_min on");
	else
		log_limited(LOG_LEVEL_INFO, "the TLS handshake of a client failed: %s",
		    reason == NULL ? "no reason given" : reason);
}

enum tls_opening
tls_open(struct tls *t)
{
	enum tls_opening first = t->sniffed ? TLS_OPEN : sniff(t);
	int r;

	if (first != TLS_OPEN)
		return first;
	ERR_clear_error();
	t->wants_write = false;
	r = SSL_accept(t->ssl);
	if (r == 1) {
		t->opened = true;
		/* not before: some clients of the era want the certificate in one record */
		(void)SSL_set_max_send_fragment(t->ssl, (long)TLS_RECORD_BYTES);
		return TLS_OPEN;
	}
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return TLS_MORE;
	case SSL_ERROR_WANT_WRITE:
		t->wants_write = true;
		return TLS_MORE;
	case SSL_ERROR_SSL:
		t->broken = true;
		log_failure();
		ERR_clear_error();
		return TLS_FAILED;
	default: /* the peer has left, in order or not */
		t->broken = true;
		return TLS_ENDED;
	}
}

bool
tls_is_opening(const struct tls *t)
{
	return !t->opened;
}

bool
tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

/* --- reading and writing -------------------------------------------------------------------- */

ssize_t
tls_read(struct tls *t, char *to, size_t enough, size_t size)
{
	size_t n = 0, got;

	if (t->broken) {
		errno = EPROTO;
		return -1;
	}
	/* a call gives one record, and all of it: there is room for the longest */
	while (!t->peer_ended && n < enough && size - n >= TLS_RECORD_MAX) {
		ERR_clear_error();
		if (SSL_read_ex(t->ssl, to + n, size - n, &got) == 1) {
			n += got;
			continue;
		}
		switch (SSL_get_error(t->ssl, 0)) {
		case SSL_ERROR_WANT_READ:
		case SSL_ERROR_WANT_WRITE: /* only a handshake does that, and ours is done */
			if (n == 0)
				errno = EAGAIN;
			return n > 0 ? (ssize_t)n : -1;
		case SSL_ERROR_ZERO_RETURN:
			t->peer_ended = true;
			break;
		default: /* reset, or what is not TLS: what came before it is not kept either */
			t->broken = true;
			ERR_clear_error();
			errno = EPROTO;
			return -1;
		}
	}
	return (ssize_t)n;
}

bool
tls_has_ended(const struct tls *t)
{
	return t->peer_ended;
}

/* Where a write has come to: piece, and byte in it. */
struct position {
	int piece;
	size_t at;
};

static void
advance(struct position *p, const struct iovec *iov, int n, size_t bytes)
{
	while (p->piece < n && bytes >= iov[p->piece].iov_len - p->at) {
		bytes -= iov[p->piece].iov_len - p->at;
		p->piece++;
		p->at = 0;
	}
	p->at += bytes;
}

/* The next `most` bytes, or all that are left: where they are, if that is in one piece, else copied
 * to `record`.  `*length` is their number; 0: none are left. */
static const char *
gather(struct position p, const struct iovec *iov, int n, size_t most,
    char record[TLS_RECORD_BYTES], size_t *length)
{
	const char *bytes = p.piece < n ? (const char *)iov[p.piece].iov_base + p.at : NULL;

	*length = 0;
	if (p.piece < n && iov[p.piece].iov_len - p.at >= most) {
		*length = most;
		return bytes;
	}
	for (; p.piece < n && *length < most; p.piece++, p.at = 0) {
		size_t left = iov[p.piece].iov_len - p.at;
		size_t part = left < most - *length ? left : most - *length;

		memcpy(record + *length, (const char *)iov[p.piece].iov_base + p.at, part);
		*length += part;
	}
	return record;
}

ssize_t
tls_write(struct tls *t, const struct iovec *iov, int n)
{
	char record[TLS_RECORD_BYTES];
	struct position p = {0, 0};
	ssize_t written = 0;
	size_t length, took;

	while (!t->broken) {
		/* one that OpenSSL has encrypted already must be tried again as it is */
		const char *bytes = gather(
		    p, iov, n, t->pending > 0 ? t->pending : TLS_RECORD_BYTES, record, &length);

		if (length == 0)
			return written;
		ERR_clear_error();
		if (SSL_write_ex(t->ssl, bytes, length, &took) == 1) {
			t->pending = 0;
			written += (ssize_t)took;
			advance(&p, iov, n, took);
		} else if (SSL_get_error(t->ssl, 0) == SSL_ERROR_WANT_WRITE) {
			t->pending = (uint16_t)length;
			errno = EAGAIN;
			return written > 0 ? written : -1;
		} else {
			t->broken = true;
			ERR_clear_error();
		}
	}
	errno = EPIPE;
	return -1;
}

/* --- the end -------------------------------------------------------------------------------- */

int
tls_end(struct tls *t)
{
	int r;

	/* called once more than it must be, SSL_shutdown() would read */
	if (t->broken || !t->opened || t->ended)
		return 0;
	ERR_clear_error();
	r = SSL_shutdown(t->ssl);
	if (r < 0 && SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_WRITE)
		return -1;
	t->ended = true;
	ERR_clear_error();
	return 0;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	/* a record that is written in part cannot be followed by another */
	if (t->ssl != NULL && t->pending == 0)
		(void)tls_end(t);
	SSL_free(t->ssl);
	free(t);
}
