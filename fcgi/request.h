/* request: one FastCGI request, read by libfcgi into memory of its own, so that the connection does
 * not depend on libfcgi any more. */
#ifndef POLLUX_FCGI_REQUEST_H
#define POLLUX_FCGI_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/transport/exchange.h"

struct request {
	char **params; /* owned by libfcgi until request_free() */
	void *fcgx;    /* owned FCGX_Request */
	struct buf target;
	struct buf body;
	uint16_t id;
	bool keep;
	bool too_large; /* the body was thrown away */
	bool broken;    /* less of a body came than was announced */
};

/* Once, before any thread.  0 or -1. */
int request_init(void);

/* Read one request from `fd`, at most `body_max` bytes of body.  Blocks if the request has not
 * arrived whole and `fd` blocks.  `fd` stays open in any case.  NULL when there is none to be had.
 */
struct request *request_read(int fd, size_t body_max);
void request_free(struct request *rq);

/* A parameter, "" if absent. */
const char *request_param(const struct request *rq, const char *name);

/* Fill the request part of an exchange; it borrows from `rq`.  The lookup functions of the exchange
 * are the caller's. */
void request_describe(struct request *rq, struct exchange *x);

/* Look a header up, name in lower case. */
struct slice request_header(const struct request *rq, const char *name);
void request_each_header(const struct request *rq,
    void (*each)(void *arg, struct slice name, struct slice value), void *arg);

#endif
