/* exchange: one HTTP request and its answer, whether it came by FastCGI or to wsd's own port.
 *
 * A program fills the request part, calls server_request() once the request is complete, and
 * implements the ops.  The answer comes during that call, at the end of the turn if it reports what
 * the turn did, or much later (a held poll); until then the program keeps the exchange, and until
 * the end of the turn even if its connection is gone.  Ops only queue: nothing is written before
 * server_settle() has returned. */
#ifndef POLLUX_EXCHANGE_H
#define POLLUX_EXCHANGE_H

#include <stdbool.h>

#include "shared/base/address.h"
#include "shared/base/slice.h"

struct exchange;

/* Header lines of every answer, which the programs add: browsers must not take what a client wrote,
 * and gets back, for a script or a page. */
#define EXCHANGE_HEADERS "X-Content-Type-Options: nosniff\r\n"

struct response {
	int status;               /* 200; a 304 has no body and no length */
	const char *content_type; /* NULL: none */
	struct slice headers;     /* further header lines, each ending in \r\n; borrowed */
	struct slice body;        /* borrowed: the op copies what it cannot write at once */
	bool closes;              /* the client's connection ends with the answer */
	bool in_chunks;           /* instead of with a length, if the program can */
};

struct exchange_ops {
	/* Answer in one piece: status, headers, Content-Length, body.  Ends the exchange: the
	 * caller does not touch it again, the program frees it when the bytes are out. */
	void (*respond)(struct exchange *x, const struct response *r);

	/* Begin an answer of many pieces; `r->body` is the first. */
	void (*begin)(struct exchange *x, const struct response *r);
	/* Add a piece, which is not buffered for more. */
	void (*piece)(struct exchange *x, struct slice bytes);
	/* End it.  Ends the exchange, as respond does. */
	void (*finish)(struct exchange *x);
};

/* What became of an exchange, told to the transport that held it. */
enum exchange_fate {
	EXCHANGE_SENT,   /* the answer was handed to the kernel, whole */
	EXCHANGE_FAILED, /* the answer could not be written: the peer does not have all of it */
	EXCHANGE_GONE,   /* the peer left before it was answered */
};

struct exchange {
	const struct exchange_ops *ops;

	/* The request.  Borrowed from the program, valid during server_request() only. */
	struct slice method;  /* "GET" */
	struct slice target;  /* raw request target with query, as the client sent it */
	struct slice origin;  /* Origin header; empty if none */
	struct slice referer; /* Referer header; empty if none */
	struct slice body;    /* as received; its length is within the configured limit */
	struct slice address; /* of the client, as canonical text; empty: unknown (proxies.h) */
	int port;             /* of the client; 0 unknown */
	bool by_proxy;        /* it came through trusted proxies before it reached the web server,
	                       * or us; the outermost is ... */
	struct address proxy; /* ... this one */
	bool secure;          /* came over TLS, as far as the web server says */
	bool body_too_large;  /* the body was left unread: the answer is 413 */
	int64_t name; /* the same if the request comes again (polling_request_name()); 0: none */
	bool again;   /* the web server repeats it, as the process that had it died.  Its
	                       * client may have left long ago, so it is not held */
	/* Look a request header up, name in lower case ("user-agent").  Empty if absent. */
	struct slice (*header)(const struct exchange *x, const char *name);
	/* Call `each` for every request header, name in lower case. */
	void (*each_header)(const struct exchange *x,
	    void (*each)(void *arg, struct slice name, struct slice value), void *arg);
	/* Whether an upgrade to websocket would reach pollux-wsd the way this request came.  A web
	 * server in between must pass it on. */
	bool (*upgrades)(const struct exchange *x);
	/* websocket_judge() has said WEBSOCKET_WAIT, and is to be asked again in a later turn.
	 * NULL: the program has no websockets. */
	void (*judge_again)(struct exchange *x);

	/* Set by the transport that holds the exchange or needs to know its fate, else NULL.
	 * The program calls it once: after the answer was written or could not be, or when the peer
	 * left.  After that neither side touches the other. */
	void (*on_fate)(struct exchange *x, enum exchange_fate fate, void *holder);
	void *holder;
};

#endif
