/* visit: a session that `pollux doctor` has at a server, as a client by xhr-polling has one.  Each
 * is ended before the program ends. */
#ifndef POLLUX_VISIT_H
#define POLLUX_VISIT_H

#include "cli/fetch.h"
#include "cli/site.h"

#define VISITS_MAX 96 /* of one run at once */

struct visit {
	bool open;
	char sid[64];
	char transports[256];
	int heartbeat_s, close_s;
	struct fetch *poll; /* NULL: none */
	int64_t asked_ms;   /* when visit_ask() was called */
};

struct visits {
	struct fetch_net *net;
	const struct site *site;
	const char *origin; /* of our requests, as of a page; NULL: not from a page */
	int64_t timeout_ms; /* of a request that is answered at once */
	struct visit list[VISITS_MAX];
};

enum visit_result {
	VISIT_OPEN,
	VISIT_REFUSED, /* there is no room: 7:::1+0 at the first poll, or 503 at the handshake */
	VISIT_FAILED,
};

/* A new session, and its first poll.  `*v` is the session if there is one; `why` says what went
 * wrong, for VISIT_FAILED. */
enum visit_result visit_open(struct visits *all, struct visit **v, char why[320]);

/* The first poll of a session. */
enum visit_result visit_enter(struct visits *all, struct visit *v, char why[320]);

/* The whole request of a handshake, or NULL: no memory.  `origin` NULL: as all requests have it. */
struct fetch *visit_knock(struct visits *all, const char *origin);
/* The session that such a request has made.  NULL: none, or all VISITS_MAX are open. */
struct visit *visit_adopt(struct visits *all, const struct fetch *f);

/* Start a poll, unless one is open. */
void visit_poll(struct visits *all, struct visit *v);

/* Send a packet to which the server answers with one, and wait until the open poll brings it, for
 * `ms` at most.  Return the ms it took, or -1 with `why`. */
int64_t visit_ask(struct visits *all, struct visit *v, int64_t ms, char why[320]);

/* POST a body.  Return the whole request, or NULL: no memory. */
struct fetch *visit_post(struct visits *all, struct visit *v, struct slice body);

/* The path of a request of this session, by a transport. */
void visit_path(const struct visits *all, const struct visit *v, const char *transport, char *path,
    size_t size);

/* The packet that visit_ask() sends, and whether `bytes` have the answer to it. */
struct slice visit_question(void);
bool visit_is_answer(struct slice bytes);

/* End these `n` sessions, all of them at once, for a few seconds at most. */
void visit_close(struct visits *all, struct visit *const *list, unsigned n);
/* The same for all that are open. */
void visit_close_all(struct visits *all);

#endif
