/* answer: every way to answer an exchange, and what all answers have in common: CORS headers, and
 * that nothing is cached. */
#ifndef POLLUX_ANSWER_H
#define POLLUX_ANSWER_H

#include "shared/base/buf.h"
#include "shared/transport/exchange.h"
#include "shared/transport/transport.h"

struct server;

/* All is borrowed during the call.  answer_later() copies origin, bodies and the headers of `done`;
 * there the other texts must be static. */
struct answer {
	int status;
	const char *content_type; /* NULL: none */
	const char *headers;      /* further lines, each ending in \r\n; NULL: none */
	struct slice origin;      /* gets the CORS headers; empty: none */
	struct slice body;
	bool closes, in_chunks; /* as in struct response */
};

/* One sentence in plain text. */
struct answer answer_text(int status, struct slice origin, struct slice sentence);

/* 503 "server busy": the client may try again. */
struct answer answer_busy(struct slice origin);

/* Answer now. */
void answer_send(struct server *sv, struct exchange *x, const struct answer *a);

/* Answer now with one sentence. */
void answer_error(struct server *sv, struct exchange *x, int status, const char *sentence);

/* 413, for a body that was not read. */
void answer_too_large(struct server *sv, struct exchange *x);

/* Answer a GET now with `text`, wrapped as its transport does. */
void answer_wrapped(struct server *sv, struct exchange *x, struct slice origin,
    const struct transport *t, unsigned index, struct slice text);

/* The same with a packet that does not come from the hub, to the client of `route`. */
void answer_own_packet(struct server *sv, struct exchange *x, const struct transport *t,
    const struct route *route, struct slice packet);

/* Answer a GET now with packets that do not come from the hub, a poll with one, and end the
 * connection of the client. */
void answer_refused(struct server *sv, struct exchange *x, const struct transport *t,
    const struct route *route, const struct slice *packets, size_t n);

/* Begin the answer of a stream. */
void answer_begin(struct server *sv, struct exchange *x, const struct transport *t);

/* Answer when the turn has ended: with `done`, which reports what the turn did, if it was
 * committed, else with `busy`.  Both have the same origin. */
void answer_later(
    struct server *sv, struct exchange *x, const struct answer *done, const struct answer *busy);

/* The turn has ended: send the answers that wait for it. */
void answer_settle(struct server *sv, bool committed);

#endif
