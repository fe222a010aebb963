/* request: one FastCGI request, read by libfcgi into memory of its own: after that the connection
 * does not need libfcgi. */
#ifndef POLLUX_FCGI_REQUEST_H
#define POLLUX_FCGI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/proxies.h"
#include "shared/transport/exchange.h"

struct fcgi_request {
	char **params; /* owned by libfcgi until fcgi_request_free() */
	void *fcgx;    /* owned FCGX_Request */
	struct buf target;
	struct buf body;
	char client[ADDRESS_SIZE]; /* the client's address; empty: unknown */
	uint16_t id;
	bool keep;      /* the web server wants to use the connection again, and can */
	bool too_large; /* the body was read and dropped */
	bool broken;    /* the body is not as long as was announced */
};

/* Start libfcgi, once, before any thread.  SIGPIPE is ignored afterwards.  Return 0 or -1. */
int fcgi_request_init(void);

/* Read one request from `fd`, at most `body_max` bytes of body.  Blocks if the request has not
 * arrived whole and `fd` blocks.  `fd` stays open in any case.  NULL: there was none, or an
 * error, which is logged. */
struct fcgi_request *fcgi_request_read(int fd, size_t body_max);
void fcgi_request_free(struct fcgi_request *rq);

/* A CGI parameter, "" if absent. */
const char *fcgi_request_param(const struct fcgi_request *rq, const char *name);

/* Fill the request part of an exchange, which borrows from `rq`.  The caller sets the lookup
 * functions. */
void fcgi_request_describe(
    struct fcgi_request *rq, const struct proxies *proxies, struct exchange *x);

/* Look a header up, name in lower case. */
struct slice fcgi_request_header(const struct fcgi_request *rq, const char *name);
void fcgi_request_each_header(const struct fcgi_request *rq,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg);

#endif
