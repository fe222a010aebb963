#include "linkd/replies.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/hub/link.h"
#include "shared/transport/server.h"

/* What may wait here: it does so for longer than a turn only while the store cannot be had. */
#define WAITING_BYTES ((size_t)64 << 20)

#define TRY_AGAIN 1011 /* close code: to the client it is a lost connection, and it comes again */

struct reply {
	STAILQ_ENTRY(reply) link;
	struct far_asker to;
	unsigned char kind; /* enum link_kind */
	struct buf body;    /* owned; empty when there is ... */
	struct message *m;  /* ... a message */
	bool is_new;        /* about a request of this turn */
	bool unsure;        /* of a turn that is not committed yet */
	bool is_written;    /* in the open transaction */
};

STAILQ_HEAD(reply_line, reply);

struct replies {
	struct reply_line line;
	size_t bytes;
};

int
replies_open(struct linkd *l)
{
	l->replies = calloc(1, sizeof(*l->replies));
	if (l->replies == NULL)
		return -1;
	STAILQ_INIT(&l->replies->line);
	return 0;
}

static size_t
reply_bytes(const struct reply *r)
{
	return sizeof(*r) + r->body.n + (r->m == NULL ? 0 : r->m->n);
}

static void
free_reply(struct replies *q, struct reply *r)
{
	q->bytes -= reply_bytes(r);
	buf_free(&r->body);
	message_release(r->m);
	free(r);
}

void
replies_close(struct linkd *l)
{
	struct reply *r;

	if (l->replies == NULL)
		return;
	while ((r = STAILQ_FIRST(&l->replies->line)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->replies->line, link);
		free_reply(l->replies, r);
	}
	free(l->replies);
	l->replies = NULL;
}

/* --- adding --------------------------------------------------------------------------------- */

/* Takes over the body and the message. */
static int
queue_reply(struct linkd *l, const struct reply *like)
{
	struct replies *q = l->replies;
	struct reply *r = NULL;

	if (!like->body.failed && q->bytes + reply_bytes(like) <= WAITING_BYTES)
		r = malloc(sizeof(*r));
	if (r == NULL) {
		struct buf body = like->body;

		log_limited(LOG_LEVEL_ERROR, "link: out of memory for an answer to another node");
		buf_free(&body);
		message_release(like->m);
		return -1;
	}
	*r = *like;
	r->unsure = true;
	q->bytes += reply_bytes(r);
	STAILQ_INSERT_TAIL(&q->line, r, link);
	return 0;
}

int
replies_add(
    struct linkd *l, const struct far_asker *to, enum link_kind kind, struct buf *body, bool is_new)
{
	struct reply r = {.to = *to, .kind = (unsigned char)kind, .body = *body, .is_new = is_new};

	*body = (struct buf){.p = NULL};
	return queue_reply(l, &r);
}

int
replies_add_message(struct linkd *l, const struct far_asker *to, struct message *m, bool is_new)
{
	return queue_reply(
	    l, &(struct reply){
		   .to = *to, .kind = LINK_WS_MESSAGE, .m = message_keep(m), .is_new = is_new});
}

/* --- writing -------------------------------------------------------------------------------- */

bool
replies_wait(const struct linkd *l)
{
	return !STAILQ_EMPTY(&l->replies->line);
}

static int
write_message(struct linkd *l, const struct reply *r)
{
	struct buf body = {.p = NULL};
	int result = -1;

	frame_pack_signal(&body, &(struct link_signal){.slot = r->to.slot,
				     .id = r->to.id,
				     .number = r->m->is_volatile,
				     .text = message_text(r->m)});
	if (body.failed)
		transaction_fail(l->hub);
	else
		result = link_tell(l->hub, (int)r->to.node, LINK_WS_MESSAGE, buf_slice(&body));
	buf_free(&body);
	return result;
}

int
replies_flush(struct linkd *l)
{
	struct reply *r;
	int result = 0;

	STAILQ_FOREACH (r, &l->replies->line, link) {
		if (r->is_written)
			continue;
		result = r->m != NULL
		             ? write_message(l, r)
		             : link_tell(l->hub, (int)r->to.node, r->kind, buf_slice(&r->body));
		if (result == -1)
			break;
		r->is_written = true;
	}
	return result;
}

/* --- after the turn ------------------------------------------------------------------------- */

static bool
is_same_asker(const struct far_asker *a, const struct far_asker *b)
{
	return a->node == b->node && a->slot == b->slot && a->id == b->id;
}

typedef bool reply_test(const struct linkd *l, const struct reply *r);

/* Whether messages to the asker are dropped. */
static bool
loses_messages(const struct linkd *l, const struct far_asker *to, reply_test *keeps)
{
	const struct reply *r;

	STAILQ_FOREACH (r, &l->replies->line, link)
		if (r->m != NULL && !r->is_new && is_same_asker(&r->to, to) && !keeps(l, r))
			return true;
	return false;
}

static void
spoil_close(struct replies *q, struct reply *r)
{
	q->bytes -= r->body.n;
	buf_clear(&r->body);
	frame_pack_signal(&r->body,
	    &(struct link_signal){.slot = r->to.slot, .id = r->to.id, .number = TRY_AGAIN});
	q->bytes += r->body.n;
}

/* Keep those of which `keeps` is true. */
static void
sift(struct linkd *l, reply_test *keeps)
{
	struct replies *q = l->replies;
	struct reply_line line = STAILQ_HEAD_INITIALIZER(line);
	struct reply *r;

	/* who reads the close frame behind what is dropped must not believe that it is the regular
	 * end.  There are few of them, and perhaps a hundred thousand messages */
	STAILQ_FOREACH (r, &q->line, link)
		if (r->kind == LINK_WS_CLOSE && !r->is_written && loses_messages(l, &r->to, keeps))
			spoil_close(q, r);
	STAILQ_CONCAT(&line, &q->line);
	while ((r = STAILQ_FIRST(&line)) != NULL) {
		STAILQ_REMOVE_HEAD(&line, link);
		if (keeps(l, r))
			STAILQ_INSERT_TAIL(&q->line, r, link);
		else
			free_reply(q, r);
	}
}

static bool
keeps_after_failure(const struct linkd *l, const struct reply *r)
{
	(void)l;
	/* a message that the hub made in a turn that failed: what led to it is done again */
	return !r->is_new && !(r->unsure && r->m != NULL && r->m->part != 0);
}

static bool
is_not_undone(const struct linkd *l, const struct reply *r)
{
	return r->m == NULL || !server_takes_back(l->sv, r->m);
}

void
replies_settled(struct linkd *l, bool committed)
{
	struct replies *q = l->replies;
	struct reply *r, *next;

	if (!committed) {
		STAILQ_FOREACH (r, &q->line, link)
			r->is_written = false;
		sift(l, keeps_after_failure);
	}
	/* what is written is at the front */
	for (r = STAILQ_FIRST(&q->line); r != NULL && r->is_written; r = next) {
		next = STAILQ_NEXT(r, link);
		STAILQ_REMOVE_HEAD(&q->line, link);
		free_reply(q, r);
	}
	STAILQ_FOREACH (r, &q->line, link)
		r->is_new = r->unsure = false;
}

void
replies_take_back(struct linkd *l)
{
	sift(l, is_not_undone);
}
