/* fetch: HTTP requests of `pollux doctor` and `pollux bench`: many at once, over TCP or TLS.  Each
 * tells how far it came, when, and why it went no further.
 *
 * One request per connection.  Nothing here blocks but fetch_turn(), until a time.
 *
 *	CONNECTING -> SECURING (TLS) -> SENDING -> WAITING -> READING -> DONE
 *	     |            |                |          |          |  `---> UPGRADED -> CUT
 *	  REFUSED      INSECURE           CUT        CUT        CUT            (LATE: of any) */
#ifndef POLLUX_FETCH_H
#define POLLUX_FETCH_H

#include <http_parser.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cli/site.h"
#include "shared/base/buf.h"

#define FETCH_BODY_MAX ((size_t)64 << 10) /* the rest is not read */
#define FETCH_HEAD_MAX ((size_t)32 << 10)

enum fetch_state {
	FETCH_CONNECTING,
	FETCH_SECURING,
	FETCH_SENDING,
	FETCH_WAITING, /* all is sent, no byte of the answer is here */
	FETCH_READING,
	FETCH_UPGRADED, /* 101: what follows is added to `body` as it is */
	/* it has ended */
	FETCH_DONE,
	FETCH_REFUSED,  /* no connection */
	FETCH_INSECURE, /* no TLS */
	FETCH_CUT,      /* the other end closed it before the end */
	FETCH_GARBLED,  /* the answer is not HTTP */
	FETCH_LATE,
};

struct fetch_net;

struct fetch {
	LIST_ENTRY(fetch) link;
	struct fetch_net *net;
	enum fetch_state state;
	int status;                               /* of the answer; 0: none came */
	struct buf head;                          /* of the answer: its lines "name: value\n" */
	struct buf body;                          /* as far as it has come */
	int64_t started_ms, sent_ms, answered_ms, /* its first byte */
	    ended_ms;                             /* of clock_ms(); 0: not yet */
	int64_t deadline_ms;
	char why[256]; /* in words, once it has ended and is not DONE */
	/* TLS */
	long verify; /* X509_V_OK, or what is wrong with the certificate */
	int days;    /* until it expires */
	char protocol[16];
	/* private to fetch.c, fetch_answer.c and fetch_end.c */
	int fd;
	BIO *bio;
	short events; /* of poll(), that it waits for */
	struct buf request;
	size_t written;
	bool raw, in_value;
	struct http_parser parser;
};

/* All requests of one run. */
struct fetch_net {
	LIST_HEAD(fetch_list, fetch) running;
	SSL_CTX *tls;
	int64_t end_ms; /* no request lasts longer */
	bool stopped;   /* SIGINT or SIGTERM came */
	bool deaf;      /* it does not matter any more: sessions are being ended */
};

struct fetch_request {
	const struct site *site;
	const char *method;  /* NULL: GET */
	const char *path;    /* with the query */
	const char *origin;  /* NULL: none */
	const char *headers; /* further ones, each ending in \r\n; NULL: none */
	struct slice body;
	bool raw; /* no HTTP: send `body`, and read what comes until the other end closes */
	int64_t timeout_ms;
};

/* Return 0, or -1: no memory. */
int fetch_net_open(struct fetch_net *net, int64_t end_ms);
void fetch_net_close(struct fetch_net *net);

/* Start a request; what it points to is copied, but its site.  Return NULL: no memory. */
struct fetch *fetch_start(struct fetch_net *net, const struct fetch_request *rq);

/* Wait until something happens to a request, for `ms` at most, and go on with all of them. */
void fetch_turn(struct fetch_net *net, int64_t ms);

static inline bool
fetch_has_ended(const struct fetch *f)
{
	return f->state >= FETCH_DONE;
}

/* Start a request and wait for its end.  Return NULL: no memory. */
struct fetch *fetch_whole(struct fetch_net *net, const struct fetch_request *rq);

/* The same for a file below a folder of the site, such as "/app" and "/x.html"; ten seconds at
 * most. */
struct fetch *fetch_page(
    struct fetch_net *net, const struct site *site, const char *folder, const char *name);

/* Whether the body, as far as it has come, has this text; `f` may be NULL. */
bool fetch_has(const struct fetch *f, const char *text);

/* Send further bytes, after an upgrade. */
void fetch_say(struct fetch *f, struct slice bytes);

/* Close the connection, whatever its state, and free it; NULL is allowed. */
void fetch_free(struct fetch *f);

/* The first header of this name, in lower case; p NULL: there is none.  Borrowed. */
struct slice fetch_header(const struct fetch *f, const char *name);

/* How it ended, for a sentence: "500", "no answer within 5 s", ...  Return `text`. */
const char *fetch_outcome(const struct fetch *f, char text[320]);

#endif
