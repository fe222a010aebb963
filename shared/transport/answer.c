#include "shared/transport/answer.h"

#include <stdlib.h>

#include "shared/transport/cors.h"
#include "shared/transport/internal.h"
#include "shared/wire/sid.h"

#define PLAIN_TEXT "text/plain; charset=UTF-8"

struct answer
answer_text(int status, struct slice origin, struct slice sentence)
{
	return (struct answer){
	    .status = status, .content_type = PLAIN_TEXT, .origin = origin, .body = sentence};
}

struct answer
answer_busy(struct slice origin)
{
	return answer_text(503, origin, SLICE("server busy"));
}

/* --- answers at once ------------------------------------------------------------------------ */

/* Make the response, its headers in sv->headers.  Return false when out of memory. */
static bool
fill_response(struct server *sv, const struct answer *a, struct response *r)
{
	buf_clear(&sv->headers);
	cors_allow(&sv->headers, a->origin);
	if (a->headers != NULL)
		buf_puts(&sv->headers, a->headers);
	buf_puts(&sv->headers, "Cache-Control: no-cache, no-store\r\n"); /* iOS 6 caches POSTs */
	*r = (struct response){
	    .status = a->status,
	    .content_type = a->content_type,
	    .headers = buf_slice(&sv->headers),
	    .body = a->body,
	    .closes = a->closes,
	    .in_chunks = a->in_chunks,
	};
	return !sv->headers.failed;
}

void
answer_send(struct server *sv, struct exchange *x, const struct answer *a)
{
	struct response r;

	if (!fill_response(sv, a, &r))
		r = (struct response){.status = 503};
	x->ops->respond(x, &r);
}

void
answer_error(struct server *sv, struct exchange *x, int status, const char *sentence)
{
	const struct answer a = answer_text(status, x->origin, slice_of(sentence));

	answer_send(sv, x, &a);
}

void
answer_too_large(struct server *sv, struct exchange *x)
{
	server_count(sv, COUNT_REFUSED_TOO_LARGE);
	answer_error(sv, x, 413, BODY_TOO_LARGE);
}

void
answer_wrapped(struct server *sv, struct exchange *x, struct slice origin,
    const struct transport *t, unsigned index, struct slice text)
{
	struct answer a = {.status = 200,
	    .content_type = t->content_type,
	    .headers = t->headers,
	    .origin = origin};

	buf_clear(&sv->wrapped);
	buf_add_slice(&sv->wrapped, t->head);
	t->wrap(&sv->wrapped, text, index);
	a.body = buf_slice(&sv->wrapped);
	if (sv->wrapped.failed)
		a = answer_busy(origin);
	answer_send(sv, x, &a);
}

void
answer_own_packet(struct server *sv, struct exchange *x, const struct transport *t,
    const struct route *route, struct slice packet)
{
	/* the public id of one that is unknown or has ended, too: the log may tell more of it */
	hub_show_own(sv->hub, sid_key(route->sid), packet);
	answer_wrapped(sv, x, x->origin, t, route->index, packet);
}

void
answer_refused(struct server *sv, struct exchange *x, const struct transport *t,
    const struct route *route, const struct slice *packets, size_t n)
{
	struct answer a = {.status = 200,
	    .content_type = t->content_type,
	    .headers = t->headers,
	    .origin = x->origin,
	    .closes = true};

	buf_clear(&sv->wrapped);
	buf_add_slice(&sv->wrapped, t->head);
	for (size_t i = 0; i < n; i++) {
		hub_show_own(sv->hub, sid_key(route->sid), packets[i]);
		t->wrap(&sv->wrapped, packets[i], route->index);
	}
	a.body = buf_slice(&sv->wrapped);
	if (sv->wrapped.failed)
		a = answer_busy(x->origin);
	answer_send(sv, x, &a);
}

void
answer_begin(struct server *sv, struct exchange *x, const struct transport *t)
{
	const struct answer a = {.status = 200,
	    .content_type = t->content_type,
	    .headers = t->headers,
	    .origin = x->origin,
	    .body = t->head};
	struct response r;

	if (!fill_response(sv, &a, &r))
		r.headers = (struct slice){NULL, 0};
	x->ops->begin(x, &r);
}

/* --- answers that wait for the commit ------------------------------------------------------- */

/* The origin, both bodies, and with a NUL the headers of `done` are in sv->pending_bytes from `at`
 * on, one after the other: their lengths are right here, their pointers are not, since the buffer
 * moves as it grows. */
struct pending_answer {
	struct exchange *x;
	struct answer done, busy;
	size_t at;
};

/* Room for one more, or NULL. */
static struct pending_answer *
reserve_pending_answer(struct server *sv)
{
	struct pending_answer *grown;

	if (sv->pending_n == sv->pending_cap) {
		size_t cap = sv->pending_cap == 0 ? 16 : 2 * sv->pending_cap;

		grown = realloc(sv->pending, cap * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		sv->pending = grown;
		sv->pending_cap = cap;
	}
	return &sv->pending[sv->pending_n];
}

void
answer_later(
    struct server *sv, struct exchange *x, const struct answer *done, const struct answer *busy)
{
	struct pending_answer *p = reserve_pending_answer(sv);
	size_t at = sv->pending_bytes.n;

	buf_add_slice(&sv->pending_bytes, done->origin);
	buf_add_slice(&sv->pending_bytes, done->body);
	buf_add_slice(&sv->pending_bytes, busy->body);
	if (done->headers != NULL)
		buf_add(&sv->pending_bytes, done->headers, strlen(done->headers) + 1);
	if (p == NULL || sv->pending_bytes.failed) {
		/* no memory to wait: say 503 now, although the turn may be committed.  Take back
		 * our bytes only; those of earlier answers are complete */
		sv->pending_bytes.failed = false;
		sv->pending_bytes.n = at;
		answer_send(sv, x, busy);
		return;
	}
	*p = (struct pending_answer){x, *done, *busy, at};
	sv->pending_n++;
}

void
answer_settle(struct server *sv, bool committed)
{
	for (size_t i = 0; i < sv->pending_n; i++) {
		struct pending_answer *p = &sv->pending[i];
		struct answer *a = committed ? &p->done : &p->busy;
		const char *bytes = sv->pending_bytes.p + p->at;
		size_t origin_n = p->done.origin.n;

		a->origin = (struct slice){bytes, origin_n};
		p->done.body.p = bytes + origin_n;
		p->busy.body.p = p->done.body.p + p->done.body.n;
		if (p->done.headers != NULL)
			p->done.headers = p->busy.body.p + p->busy.body.n;
		answer_send(sv, p->x, a);
	}
	sv->pending_n = 0;
	buf_clear(&sv->pending_bytes);
}
