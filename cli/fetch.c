#include "cli/fetch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/fetch_answer.h"
#include "cli/fetch_end.h"
#include "shared/base/clock.h"

#define PAGE_MS     10000
#define RUNNING_MAX 2048 /* of one fetch_turn(); more wait for the next */

/* Where systems keep the certificates of authorities: a static build's OpenSSL looks for them where
 * the system that built it has them. */
static const char *const authorities[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian, Arch */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Red Hat */
    "/etc/ssl/ca-bundle.pem",             /* SUSE */
    "/etc/ssl/cert.pem",                  /* Alpine */
};

static bool
load_authorities(SSL_CTX *tls)
{
	if (SSL_CTX_set_default_verify_paths(tls) != 1)
		return false;
	if (getenv("SSL_CERT_FILE") != NULL)
		return true;
	for (size_t i = 0; i < sizeof(authorities) / sizeof(authorities[0]); i++)
		if (access(authorities[i], R_OK) == 0) {
			SSL_CTX_load_verify_locations(tls, authorities[i], NULL);
			break;
		}
	return true;
}

int
fetch_net_open(struct fetch_net *net, int64_t end_ms)
{
	*net = (struct fetch_net){.end_ms = end_ms};
	LIST_INIT(&net->running);
	net->tls = SSL_CTX_new(TLS_client_method());
	if (net->tls == NULL || !load_authorities(net->tls)) {
		fetch_net_close(net);
		return -1;
	}
	/* a bad certificate is a finding, and does not end the connection */
	SSL_CTX_set_verify(net->tls, SSL_VERIFY_NONE, NULL);
	return 0;
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	LIST_REMOVE(f, link);
	fetch_end_close(f);
	buf_free(&f->request);
	buf_free(&f->head);
	buf_free(&f->body);
	free(f);
}

void
fetch_net_close(struct fetch_net *net)
{
	struct fetch *f;

	while ((f = LIST_FIRST(&net->running)) != NULL)
		fetch_free(f);
	SSL_CTX_free(net->tls);
	net->tls = NULL;
}

/* --- the connection ------------------------------------------------------------------------- */

/* TLS over the socket, with the name of the host: several sites may share the address. */
static bool
add_fetch_tls(struct fetch *f, const struct site *site)
{
	BIO *tls = BIO_new_ssl(f->net->tls, 1);
	SSL *ssl = NULL;
	struct in6_addr any;
	bool is_address =
	    inet_pton(AF_INET, site->host, &any) == 1 || inet_pton(AF_INET6, site->host, &any) == 1;

	if (tls == NULL || BIO_get_ssl(tls, &ssl) != 1)
		goto fail;
	if (is_address) {
		if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), site->host) != 1)
			goto fail;
	} else if (SSL_set_tlsext_host_name(ssl, site->host) != 1 ||
		   SSL_set1_host(ssl, site->host) != 1) {
		goto fail;
	}
	f->bio = BIO_push(tls, f->bio);
	return true;
fail:
	BIO_free_all(tls);
	return false;
}

static void
note_certificate(struct fetch *f)
{
	SSL *ssl = NULL;
	X509 *certificate;
	int seconds = 0;

	if (BIO_get_ssl(f->bio, &ssl) != 1)
		return;
	f->verify = SSL_get_verify_result(ssl);
	snprintf(f->protocol, sizeof(f->protocol), "%s", SSL_get_version(ssl));
	certificate = SSL_get1_peer_certificate(ssl);
	if (certificate != NULL)
		ASN1_TIME_diff(&f->days, &seconds, NULL, X509_get0_notAfter(certificate));
	X509_free(certificate);
}

/* After a read or write that failed: wait for what it needs, and return true, or false. */
static bool
fetch_must_wait(struct fetch *f)
{
	if (!BIO_should_retry(f->bio))
		return false;
	/* not what was to be done: TLS reads for a write, and vice versa */
	f->events = BIO_should_write(f->bio) ? POLLOUT : POLLIN;
	return true;
}

static void
secure(struct fetch *f)
{
	unsigned long error;

	if (BIO_do_handshake(f->bio) == 1) {
		note_certificate(f);
		f->state = FETCH_SENDING;
		f->events = POLLOUT | POLLIN;
		return;
	}
	if (fetch_must_wait(f))
		return;
	error = ERR_peek_last_error();
	if (error == 0)
		fetch_end_cut(f, errno);
	else
		fetch_end(f, FETCH_INSECURE, "no TLS is spoken there: %s",
		    ERR_reason_error_string(error) == NULL ? "it failed"
							   : ERR_reason_error_string(error));
}

static void
connected(struct fetch *f)
{
	int error = 0;
	socklen_t n = sizeof(error);

	getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error != 0) {
		fetch_end(f, FETCH_REFUSED, "no connection: %s", strerror(error));
		return;
	}
	f->state = BIO_method_type(f->bio) == BIO_TYPE_SSL ? FETCH_SECURING : FETCH_SENDING;
	f->events = POLLOUT | POLLIN;
}

static void
write_fetch(struct fetch *f)
{
	while (f->written < f->request.n) {
		int n =
		    BIO_write(f->bio, f->request.p + f->written, (int)(f->request.n - f->written));

		if (n <= 0) {
			/* an answer may be there: a body that is too large is refused early */
			if (!fetch_must_wait(f))
				f->events = POLLIN;
			else
				f->events |= POLLIN;
			return;
		}
		f->written += (size_t)n;
	}
	f->events = POLLIN;
	if (f->state != FETCH_SENDING)
		return;
	f->sent_ms = clock_ms();
	f->state = FETCH_WAITING;
}

void
fetch_say(struct fetch *f, struct slice bytes)
{
	if (f->state != FETCH_UPGRADED)
		return;
	if (f->written == f->request.n) {
		buf_clear(&f->request);
		f->written = 0;
	}
	buf_add_slice(&f->request, bytes);
	write_fetch(f);
}

static void
read_answer(struct fetch *f)
{
	char bytes[16384];
	int n;

	do {
		errno = 0;
		n = BIO_read(f->bio, bytes, (int)sizeof(bytes));
		if (n > 0)
			fetch_answer_take(f, bytes, (size_t)n, 0);
		else if (!fetch_must_wait(f))
			fetch_answer_take(f, bytes, 0, errno);
		else if (f->state == FETCH_SENDING)
			f->events |= POLLOUT;
	} while (n > 0 && !fetch_has_ended(f));
}

static void
go_on(struct fetch *f, short events)
{
	/* OpenSSL would report an older error as one of these calls */
	ERR_clear_error();
	if (f->state == FETCH_CONNECTING)
		connected(f);
	if (f->state == FETCH_SECURING)
		secure(f);
	if (f->state == FETCH_SENDING || (f->state == FETCH_UPGRADED && f->written < f->request.n))
		write_fetch(f);
	if (!fetch_has_ended(f) && f->state >= FETCH_SENDING &&
	    (events & (POLLIN | POLLHUP | POLLERR)) != 0)
		read_answer(f);
}

void
fetch_turn(struct fetch_net *net, int64_t ms)
{
	struct pollfd fds[RUNNING_MAX];
	struct fetch *of[RUNNING_MAX], *f;
	int64_t now = clock_ms(), next = now + ms;
	nfds_t n = 0;

	if (next > net->end_ms)
		next = net->end_ms;
	LIST_FOREACH (f, &net->running, link) {
		if (fetch_has_ended(f) || n == RUNNING_MAX)
			continue;
		if (f->deadline_ms < next)
			next = f->deadline_ms;
		fds[n] = (struct pollfd){.fd = f->fd, .events = f->events};
		of[n++] = f;
	}
	net->stopped = !net->deaf && (net->stopped || !cli_wait(-1, 0));
	if (!net->stopped)
		poll(fds, n, next > now ? (int)(next - now) : 0);
	now = clock_ms();
	for (nfds_t i = 0; i < n; i++) {
		if (fds[i].revents != 0)
			go_on(of[i], fds[i].revents);
		if (!fetch_has_ended(of[i]) && (now >= of[i]->deadline_ms || now >= net->end_ms))
			fetch_end_late(of[i]);
	}
}

/* --- the request ---------------------------------------------------------------------------- */

static void
compose_request(struct buf *out, const struct fetch_request *rq)
{
	if (!rq->raw) {
		buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: pollux doctor\r\n",
		    rq->method == NULL ? "GET" : rq->method, rq->path, rq->site->authority);
		if (rq->origin != NULL)
			buf_printf(out, "Origin: %s\r\n", rq->origin);
		buf_puts(out, rq->headers == NULL ? "Connection: close\r\n" : rq->headers);
		if (rq->body.p != NULL)
			buf_printf(out,
			    "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %zu\r\n",
			    rq->body.n);
		buf_puts(out, "\r\n");
	}
	buf_add_slice(out, rq->body);
}

/* A socket that is connecting, or -1 with errno. */
static int
connect_fetch(const struct site_address *to)
{
	int fd = socket(to->any.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd == -1 || connect(fd, (const struct sockaddr *)&to->any, to->n) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

struct fetch *
fetch_start(struct fetch_net *net, const struct fetch_request *rq)
{
	struct fetch *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return NULL;
	f->net = net;
	f->fd = -1;
	f->raw = rq->raw;
	f->events = POLLOUT;
	f->started_ms = clock_ms();
	f->deadline_ms = f->started_ms + rq->timeout_ms;
	buf_init(&f->head, FETCH_HEAD_MAX);
	http_parser_init(&f->parser, HTTP_RESPONSE);
	f->parser.data = f;
	LIST_INSERT_HEAD(&net->running, f, link);
	compose_request(&f->request, rq);
	f->fd = connect_fetch(&rq->site->addresses[rq->site->chosen]);
	if (f->fd == -1) {
		fetch_end(f, FETCH_REFUSED, "no connection: %s", strerror(errno));
		return f;
	}
	f->bio = BIO_new_socket(f->fd, BIO_CLOSE);
	if (f->bio == NULL || f->request.failed || (rq->site->tls && !add_fetch_tls(f, rq->site))) {
		fetch_free(f);
		return NULL;
	}
	return f;
}

struct fetch *
fetch_whole(struct fetch_net *net, const struct fetch_request *rq)
{
	struct fetch *f = fetch_start(net, rq);

	while (f != NULL && !fetch_has_ended(f) && f->state != FETCH_UPGRADED && !net->stopped)
		fetch_turn(net, rq->timeout_ms);
	return f;
}

struct fetch *
fetch_page(struct fetch_net *net, const struct site *site, const char *folder, const char *name)
{
	char path[SITE_PATH_MAX + 128];

	snprintf(path, sizeof(path), "%s%s", folder, name);
	return fetch_whole(
	    net, &(struct fetch_request){.site = site, .path = path, .timeout_ms = PAGE_MS});
}

bool
fetch_has(const struct fetch *f, const char *text)
{
	return f != NULL && f->body.n > 0 &&
	       memmem(f->body.p, f->body.n, text, strlen(text)) != NULL;
}

struct slice
fetch_header(const struct fetch *f, const char *name)
{
	struct slice rest = buf_slice(&f->head), line, key;

	while (slice_cut(&rest, '\n', &line))
		if (slice_cut(&line, ':', &key) && slice_is(key, name) && line.p != NULL)
			return slice_trim(line);
	return (struct slice){NULL, 0};
}

const char *
fetch_outcome(const struct fetch *f, char text[320])
{
	if (f->state == FETCH_DONE)
		snprintf(text, 320, "%d", f->status);
	else
		snprintf(text, 320, "%s", f->why[0] == '\0' ? "no answer" : f->why);
	return text;
}
