#include "fcgi/request.h"

#include <ctype.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/wire/form.h"

#define HEADER_NAME_MAX 64
#define READ_BYTES      4096 /* of a body, at a time */
#define DISCARD_MAX     ((size_t)64 << 20)
#define FORWARDED_MAX   8 /* headers; the last ones count */

int
fcgi_request_init(void)
{
	if (FCGX_Init() != 0)
		return -1;
	/* libfcgi installs a handler, and each write to a closed connection would run it */
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

const char *
fcgi_request_param(const struct fcgi_request *rq, const char *name)
{
	const char *value = FCGX_GetParam(name, rq->params);

	return value == NULL ? "" : value;
}

/* Read the rest of a body that is too large: mod_fcgid reads the answer only after it has written
 * the whole body. */
static void
discard_body(struct fcgi_request *rq, FCGX_Stream *in)
{
	char bytes[READ_BYTES];
	size_t taken = 0;
	int n;

	rq->too_large = true;
	while (taken < DISCARD_MAX && (n = FCGX_GetStr(bytes, sizeof(bytes), in)) > 0)
		taken += (size_t)n;
}

static void
read_request_body(struct fcgi_request *rq, FCGX_Stream *in, size_t body_max)
{
	const char *announced = fcgi_request_param(rq, "CONTENT_LENGTH");
	size_t expected = (size_t)strtoull(announced, NULL, 10);
	int n = 1;

	/* the transport counts what it decodes */
	if (form_is_type(slice_of(fcgi_request_param(rq, "CONTENT_TYPE"))))
		body_max = form_body_max(body_max);

	/* before any of it is stored: a client chooses this number */
	if (expected > body_max) {
		discard_body(rq, in);
		return;
	}
	rq->body.ceiling = body_max + 1;
	while (n > 0) {
		/* up to one byte too many: that shows when the announced length was too small */
		size_t left = body_max + 1 - rq->body.n;
		size_t want = left < READ_BYTES ? left : READ_BYTES;
		char *room = want == 0 ? NULL : buf_reserve(&rq->body, want);

		if (room == NULL) {
			discard_body(rq, in);
			return;
		}
		n = FCGX_GetStr(room, (int)want, in);
		rq->body.n += n > 0 ? (size_t)n : 0;
	}
	/* the peer left, or its deadline passed; or the web server and its client do not agree */
	rq->broken = FCGX_GetError(in) != 0 || (announced[0] != '\0' && rq->body.n != expected);
}

struct fcgi_request *
fcgi_request_read(int fd, size_t body_max)
{
	struct fcgi_request *rq = calloc(1, sizeof(*rq));
	FCGX_Request *fcgx = calloc(1, sizeof(*fcgx));
	/* libfcgi closes its descriptor when it cannot read a request: give it a copy */
	int copy = dup(fd);

	if (rq == NULL || fcgx == NULL || copy == -1)
		goto fail;
	if (FCGX_InitRequest(fcgx, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		goto fail;
	fcgx->ipcFd = copy;
	fcgx->keepConnection = 1;      /* else FCGX_Accept_r() closes it before reading */
	FCGX_Detach(fcgx);             /* or closing it would linger, and block */
	if (FCGX_Accept_r(fcgx) < 0) { /* not FastCGI, or the peer left; libfcgi closed the copy */
		free(fcgx);
		free(rq);
		return NULL;
	}
	rq->fcgx = fcgx;
	rq->params = fcgx->envp;
	rq->id = (uint16_t)fcgx->requestId;
	if (fcgx->role != FCGI_RESPONDER) { /* an authorizer or filter: not what we serve */
		fcgi_request_free(rq);
		return NULL;
	}
	read_request_body(rq, fcgx->in, body_max);
	/* if some of it were left, the next request could not be told from it */
	rq->keep = fcgx->keepConnection != 0 && FCGX_HasSeenEOF(fcgx->in) != 0 &&
	           FCGX_GetError(fcgx->in) == 0;
	return rq;
fail:
	log_warn("cannot set up the reading of a request");
	if (copy != -1)
		close(copy);
	free(fcgx);
	free(rq);
	return NULL;
}

void
fcgi_request_free(struct fcgi_request *rq)
{
	FCGX_Request *fcgx;

	if (rq == NULL)
		return;
	fcgx = rq->fcgx;
	if (fcgx->ipcFd != -1)
		close(fcgx->ipcFd);
	fcgx->ipcFd = -1;
	/* the connection is not libfcgi's to close: only the copy was */
	FCGX_Free(fcgx, 0);
	free(fcgx);
	buf_free(&rq->target);
	buf_free(&rq->body);
	free(rq);
}

/* The target as the client sent it if the web server passes that on, else put together. */
static void
find_request_target(struct fcgi_request *rq)
{
	const char *uri = fcgi_request_param(rq, "REQUEST_URI");
	const char *query = fcgi_request_param(rq, "QUERY_STRING");

	if (uri[0] != '\0') {
		buf_puts(&rq->target, uri);
		return;
	}
	buf_puts(&rq->target, fcgi_request_param(rq, "SCRIPT_NAME"));
	buf_puts(&rq->target, fcgi_request_param(rq, "PATH_INFO"));
	if (query[0] != '\0') {
		buf_add_char(&rq->target, '?');
		buf_puts(&rq->target, query);
	}
}

struct slice
fcgi_request_header(const struct fcgi_request *rq, const char *name)
{
	char param[HEADER_NAME_MAX + 6] = "HTTP_";
	size_t n = strlen(name);

	if (strcmp(name, "content-type") == 0)
		return slice_of(fcgi_request_param(rq, "CONTENT_TYPE"));
	if (n > HEADER_NAME_MAX) /* longer than any name that is asked for */
		return (struct slice){NULL, 0};
	for (size_t i = 0; i <= n; i++)
		param[5 + i] = name[i] == '-' ? '_' : (char)toupper((unsigned char)name[i]);
	return slice_of(fcgi_request_param(rq, param));
}

void
fcgi_request_each_header(const struct fcgi_request *rq,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg)
{
	char name[HEADER_NAME_MAX];

	for (char **p = rq->params; *p != NULL; p++) {
		const char *equals = strchr(*p, '=');
		size_t n = equals == NULL ? 0 : (size_t)(equals - *p);

		if (n < 6 || n - 5 > sizeof(name) || strncmp(*p, "HTTP_", 5) != 0)
			continue;
		for (size_t i = 0; i < n - 5; i++)
			name[i] =
			    (*p)[5 + i] == '_' ? '-' : (char)tolower((unsigned char)(*p)[5 + i]);
		each(arg, (struct slice){name, n - 5}, slice_of(equals + 1));
	}
}

/* The X-Forwarded-For headers, the last one first: some web servers pass each on by itself. */
static size_t
list_forwarded_params(const struct fcgi_request *rq, struct slice forwarded[FORWARDED_MAX])
{
	const struct slice prefix = SLICE("HTTP_X_FORWARDED_FOR=");
	size_t n = 0, params = 0;

	while (rq->params[params] != NULL)
		params++;
	for (; params > 0 && n < FORWARDED_MAX; params--) {
		struct slice param = slice_of(rq->params[params - 1]);

		if (slice_starts(param, prefix))
			forwarded[n++] = slice_skip(param, prefix.n);
	}
	return n;
}

/* The peer is whom the web server names. */
static void
find_client_address(struct fcgi_request *rq, const struct proxies *proxies, struct exchange *x)
{
	static const struct proxies none;
	struct slice remote = slice_of(fcgi_request_param(rq, "REMOTE_ADDR"));
	bool by_unix_socket =
	    remote.n == 0 || remote.p[0] == '/' || slice_starts(remote, SLICE("unix:"));
	struct slice forwarded[FORWARDED_MAX];
	struct proxies_client client;
	struct address peer;
	bool known = !by_unix_socket && address_parse(&peer, remote);

	proxies_find_client(known || by_unix_socket ? proxies : &none, known ? &peer : NULL,
	    forwarded, list_forwarded_params(rq, forwarded), &client);
	if (client.known)
		address_write(&client.address, rq->client);
	x->address = slice_of(rq->client);
	x->port = client.passed == 0 ? atoi(fcgi_request_param(rq, "REMOTE_PORT")) : 0;
	x->by_proxy = client.passed > 0 && client.outer_known;
	x->proxy = client.outer;
}

void
fcgi_request_describe(struct fcgi_request *rq, const struct proxies *proxies, struct exchange *x)
{
	const char *method = fcgi_request_param(rq, "REQUEST_METHOD");
	const char *original = fcgi_request_param(rq, "REDIRECT_REQUEST_METHOD");

	/* when a process dies, an ErrorDocument sends its request here (see apache-conf/); Apache
	 * turns every method into GET */
	x->again = atoi(fcgi_request_param(rq, "REDIRECT_STATUS")) >= 500;
	if (x->again && original[0] != '\0')
		method = original;
	find_request_target(rq);
	x->method = slice_of(method);
	x->target = buf_slice(&rq->target);
	x->origin = fcgi_request_header(rq, "origin");
	x->referer = fcgi_request_header(rq, "referer");
	x->body = buf_slice(&rq->body);
	x->body_too_large = rq->too_large;
	find_client_address(rq, proxies, x);
	x->secure = strcmp(fcgi_request_param(rq, "HTTPS"), "on") == 0 ||
	            strcmp(fcgi_request_param(rq, "REQUEST_SCHEME"), "https") == 0;
}
