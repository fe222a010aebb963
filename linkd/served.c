#include "linkd/served.h"

#include <stdlib.h>

#include "linkd/serve.h"
#include "shared/base/container.h"

/* --- states --------------------------------------------------------------------------------- */

void
served_drop_request(struct served *s)
{
	struct exchange *x = &s->request.x;

	if (!s->has_request)
		return;
	copied_close(&s->request);
	s->has_request = false;
	x->method = x->target = x->origin = x->referer = x->body = x->address =
	    (struct slice){NULL, 0};
}

void
served_leave(struct served *s)
{
	struct serve *sv = s->l->serve;

	if (s->state == SERVED_KEPT)
		TAILQ_REMOVE(&sv->kept, s, link);
}

/* Not freed here: a caller up the stack may have it. */
static void
end_served(struct served *s)
{
	struct serve *sv = s->l->serve;

	if (s->state == SERVED_OVER)
		return;
	served_leave(s);
	HASH_DEL(sv->table, s);
	s->state = SERVED_OVER;
	TAILQ_INSERT_TAIL(&sv->over, s, link);
}

void
served_tell_fate(struct served *s, enum exchange_fate fate)
{
	void (*on_fate)(struct exchange *, enum exchange_fate, void *) = s->request.x.on_fate;

	s->request.x.on_fate = NULL;
	/* what the transport still says reaches nobody */
	end_served(s);
	if (on_fate != NULL)
		on_fate(&s->request.x, fate, s->request.x.holder);
}

/* The answer is complete. */
static void
keep_served(struct served *s)
{
	if (s->request.x.on_fate == NULL) {
		end_served(s);
		return;
	}
	s->state = SERVED_KEPT;
	s->until = s->l->now + SERVE_KEEP_MS;
	TAILQ_INSERT_TAIL(&s->l->serve->kept, s, link);
}

static void
free_served(struct served *s)
{
	TAILQ_REMOVE(&s->l->serve->over, s, link);
	if (s->is_new)
		LIST_REMOVE(s, by_age);
	served_drop_request(s);
	free(s);
}

void
served_free_over(struct serve *sv)
{
	struct served *s;

	while ((s = TAILQ_FIRST(&sv->over)) != NULL)
		free_served(s);
}

/* --- the exchange --------------------------------------------------------------------------- */

static struct served *
served_of(struct exchange *x)
{
	return container_of(x, struct served, request.x);
}

static void
break_served(struct served *s)
{
	s->is_broken = s->l->serve->some_broken = true;
}

static int
send_answer(struct served *s, enum link_kind kind, const struct response *r)
{
	struct buf body = {.p = NULL};

	frame_pack_answer(&body, &(struct link_answer){
				     .slot = s->from.slot,
				     .id = s->from.id,
				     .status = r->status,
				     .in_chunks = r->in_chunks,
				     .content_type = slice_of(r->content_type),
				     .headers = r->headers,
				     .body = r->body,
				 });
	return replies_add(s->l, &s->from, kind, &body, s->is_new);
}

static int
send_signal(struct served *s, enum link_kind kind, struct slice text)
{
	struct buf body = {.p = NULL};

	frame_pack_signal(
	    &body, &(struct link_signal){.slot = s->from.slot, .id = s->from.id, .text = text});
	return replies_add(s->l, &s->from, kind, &body, s->is_new);
}

static void
served_respond(struct exchange *x, const struct response *r)
{
	struct served *s = served_of(x);

	if (s->state == SERVED_OVER)
		return;
	served_leave(s);
	s->state = SERVED_HELD;
	if (send_answer(s, LINK_ANSWER, r) == -1)
		break_served(s);
	keep_served(s);
}

static void
served_begin(struct exchange *x, const struct response *r)
{
	struct served *s = served_of(x);

	if (s->state == SERVED_OVER)
		return;
	served_leave(s);
	s->state = SERVED_OPEN;
	if (send_answer(s, LINK_BEGIN, r) == -1)
		break_served(s);
}

static void
served_piece(struct exchange *x, struct slice bytes)
{
	struct served *s = served_of(x);

	if (s->state != SERVED_OPEN || s->is_broken)
		return;
	if (send_signal(s, LINK_PIECE, bytes) == -1)
		break_served(s);
}

static void
served_finish(struct exchange *x)
{
	struct served *s = served_of(x);

	if (s->state != SERVED_OPEN)
		return;
	if (send_signal(s, LINK_FINISH, (struct slice){NULL, 0}) == -1)
		break_served(s);
	keep_served(s);
}

static const struct exchange_ops served_ops = {
    .respond = served_respond,
    .begin = served_begin,
    .piece = served_piece,
    .finish = served_finish,
};

void
served_add(struct served *s)
{
	struct serve *sv = s->l->serve;

	s->has_request = s->is_new = true;
	s->state = SERVED_HELD;
	s->request.x.ops = &served_ops;
	LIST_INSERT_HEAD(&sv->fresh, s, by_age);
	HASH_ADD(hh, sv->table, from, sizeof(s->from), s);
}
