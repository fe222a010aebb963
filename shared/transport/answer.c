/* What all answers have in common, and answers that wait for the commit. */
#include <stdlib.h>

#include "shared/transport/internal.h"

const struct reply reply_busy = {
    .status = 503,
    .content_type = "text/plain; charset=UTF-8",
    .headers = "",
    .body = {"server busy", 11},
};

/* Echo the origin (PROTOCOL 3.1): clients send credentials with the handshake, so '*' would not do.
 * An origin that could break the header is not echoed. */
static void
add_cors(struct buf *headers, struct slice origin)
{
	for (size_t i = 0; i < origin.n; i++)
		if ((unsigned char)origin.p[i] < 0x20 || origin.p[i] == 0x7f)
			return;
	if (origin.n == 0)
		return;
	buf_puts(headers, "Access-Control-Allow-Origin: ");
	buf_add_slice(headers, origin);
	buf_puts(headers, "\r\nAccess-Control-Allow-Credentials: true\r\n");
}

/* Make the response in sv->headers; false when out of memory. */
static bool
describe(struct server *sv, struct slice origin, const struct reply *reply, struct response *r)
{
	buf_clear(&sv->headers);
	add_cors(&sv->headers, origin);
	buf_puts(&sv->headers, reply->headers);
	buf_puts(&sv->headers, "Cache-Control: no-cache, no-store\r\n"); /* iOS 6 caches POSTs */
	*r = (struct response){
	    .status = reply->status,
	    .content_type = reply->content_type,
	    .headers = buf_slice(&sv->headers),
	    .body = reply->body,
	    .in_chunks = reply->in_chunks,
	};
	return !sv->headers.failed;
}

void
answer(struct server *sv, struct exchange *x, struct slice origin, const struct reply *reply)
{
	struct response r;

	if (!describe(sv, origin, reply, &r))
		r = (struct response){.status = 503};
	x->ops->respond(x, &r);
}

void
answer_error(struct server *sv, struct exchange *x, int status, const char *sentence)
{
	answer(sv, x, x->origin,
	    &(struct reply){status, "text/plain; charset=UTF-8", "", slice_of(sentence), false});
}

void
answer_wrapped(struct server *sv, struct exchange *x, struct slice origin,
    const struct transport *t, unsigned index, struct slice text)
{
	struct reply reply = {
	    .status = 200, .content_type = t->content_type, .headers = t->headers};

	buf_clear(&sv->wrapped);
	buf_add_slice(&sv->wrapped, t->head);
	t->wrap(&sv->wrapped, text, index);
	reply.body = buf_slice(&sv->wrapped);
	answer(sv, x, origin, sv->wrapped.failed ? &reply_busy : &reply);
}

void
answer_begin(struct server *sv, struct exchange *x, const struct transport *t)
{
	struct reply reply = {200, t->content_type, t->headers, t->head, false};
	struct response r;

	if (!describe(sv, x->origin, &reply, &r))
		r.headers = (struct slice){NULL, 0};
	x->ops->begin(x, &r);
}

/* --- answers that wait for the commit ---------------------------------------------------------
 */

/* Its bytes are in sv->promised, in the order of the lengths. */
struct promise {
	struct exchange *x;
	struct reply done, busy; /* but for p of the bodies */
	size_t at, origin_n;
};

static struct promise *
add_promise(struct server *sv)
{
	struct promise *grown;

	if (sv->promises_n == sv->promises_cap) {
		size_t cap = sv->promises_cap == 0 ? 16 : 2 * sv->promises_cap;

		grown = realloc(sv->promises, cap * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		sv->promises = grown;
		sv->promises_cap = cap;
	}
	return &sv->promises[sv->promises_n];
}

void
answer_later(struct server *sv, struct exchange *x, struct slice origin, const struct reply *done,
    const struct reply *busy)
{
	struct promise *p = add_promise(sv);
	size_t at = sv->promised.n;

	buf_add_slice(&sv->promised, origin);
	buf_add_slice(&sv->promised, done->body);
	buf_add_slice(&sv->promised, busy->body);
	if (p == NULL || sv->promised.failed) {
		sv->promised.failed = false; /* the others' bytes are there */
		sv->promised.n = at;
		answer(sv, x, origin, busy);
		return;
	}
	*p = (struct promise){x, *done, *busy, at, origin.n};
	sv->promises_n++;
}

void
answers_due(struct server *sv, bool committed)
{
	for (size_t i = 0; i < sv->promises_n; i++) {
		struct promise *p = &sv->promises[i];
		const char *bytes = sv->promised.p + p->at;
		struct reply *reply = committed ? &p->done : &p->busy;

		p->done.body.p = bytes + p->origin_n;
		p->busy.body.p = p->done.body.p + p->done.body.n;
		answer(sv, p->x, (struct slice){bytes, p->origin_n}, reply);
	}
	sv->promises_n = 0;
	buf_clear(&sv->promised);
}
