#include "shared/hook/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)64 << 10) /* of a body, after which no further event is added */

/* Writes events one after the other; keeps what it has read of their session. */
struct event_writer {
	struct hook *hook;
	struct hook_sent *sent; /* being written */
	struct buf *out;
	struct buf data; /* values of session `key` */
	char *user;      /* of session `key` */
	int64_t key;     /* 0: none yet */
};

static void
write_event_row(void *arg, const struct hook_row *row)
{
	struct event_writer *w = arg;
	const char *epoch = store_epoch(hub_store(w->hook->base.hub));
	struct ns *ns = namespace_find(&w->hook->base, row->ns);

	w->sent->ns = ns == NULL ? NULL : &ns->hub;
	w->sent->kind = pace_kind(row->body);
	snprintf(w->sent->ack, sizeof(w->sent->ack), "%.*s", (int)row->ack.n,
	    row->ack.p == NULL ? "" : row->ack.p);
	hook_body_write_event(w->out, epoch, row, w->user, buf_slice(&w->data));
}

/* Append the event.  STORE_NOT_FOUND: its row is gone. */
static enum store_result
write_event(struct event_writer *w, struct hook_sent *sent)
{
	struct store *st = hub_store(w->hook->base.hub);

	/* a batch has the events of a session in a row, so this is read once for each */
	if (w->key != sent->key) {
		buf_clear(&w->data);
		free(w->user);
		if (hook_queue_user(st, sent->key, &w->user) == -1 ||
		    hook_body_write_values(&w->data, w->hook, sent->key) == -1)
			return STORE_FAILED;
		/* only now: its next event must not go without them */
		w->key = sent->key;
	}
	w->sent = sent;
	return hook_queue_read(st, sent->id, write_event_row, w);
}

static void
end_event_writer(struct event_writer *w)
{
	buf_free(&w->data);
	free(w->user);
}

enum store_result
batch_write_event(struct hook *hook, struct buf *out, const struct hook_sent *sent)
{
	struct hook_sent copy = *sent;
	struct event_writer w = {.hook = hook, .out = out};
	enum store_result written = write_event(&w, &copy);

	end_event_writer(&w);
	return written;
}

/* The store or memory has failed: send no more until the rows are read again, in a while. */
static void
begin_anew(struct lanes *l)
{
	l->stale = true;
	l->stale_until = hub_now(l->hook->base.hub) + BATCH_AGAIN_MS;
}

/* Add one event to the batch and its body.  False: its row is gone, or the lanes are stale now. */
static bool
add_event_to_batch(struct batch *b, struct event_writer *w, const struct hook_sent *sent)
{
	struct lanes *l = b->lanes;
	size_t before = b->body.n;
	enum store_result written;

	b->sent[b->n] = *sent;
	if (b->n > 0)
		buf_add_char(&b->body, ',');
	written = write_event(w, &b->sent[b->n]);
	if (written == STORE_OK) {
		b->takes_us +=
		    pace_estimate(&l->pace, b->sent[b->n++].kind, l->hook->cfg->hook_timeout_ms);
		return true;
	}
	b->body.n = before;
	if (written == STORE_FAILED)
		begin_anew(l);
	l->events--;
	l->bytes -= (int64_t)sent->bytes;
	return false;
}

static bool
batch_has_room(const struct batch *b)
{
	int64_t timeout_ms = b->lanes->hook->cfg->hook_timeout_ms;

	/* with one more event of the kind of the last one */
	return b->n == 0 || (b->id > 0 && b->n < HOOK_BATCH && b->body.n < BATCH_BYTES &&
				b->takes_us + pace_estimate(&b->lanes->pace, b->sent[b->n - 1].kind,
						  timeout_ms) <=
				    pace_room(timeout_ms));
}

/* Take the events of a lane that go into this batch, at least the first. */
static void
take_from_lane(struct batch *b, struct event_writer *w, struct lane *lane)
{
	struct queued_event *e;
	bool any = false;

	lane->batch = b;
	/* sync and queued events never share a request: a client waits for the first kind only;
	 * and nothing goes before a row that could not be read */
	while ((e = STAILQ_FIRST(&lane->events)) != NULL && e->is_sync == b->is_sync &&
	       !b->lanes->stale && batch_has_room(b) && (b->n == 0 || !e->is_alone)) {
		struct hook_sent sent = {
		    .id = e->id, .key = lane->key, .created = e->created, .bytes = e->bytes};

		any = add_event_to_batch(b, w, &sent) || any;
		STAILQ_REMOVE_HEAD(&lane->events, next);
		free(e);
	}
	if (!any)
		lanes_release(b->lanes, lane->key);
}

struct batch *
batch_fill(struct lanes *l, struct lane_list *list, size_t lanes_max)
{
	struct lane *lane = TAILQ_FIRST(list);
	struct queued_event *first = STAILQ_FIRST(&lane->events);
	struct batch *b =
	    lanes_new_batch(l, first->is_alone ? -first->id : first->id, first->is_sync);
	struct event_writer w = {.hook = l->hook};

	if (b == NULL) {
		begin_anew(l); /* or the caller would try again at once */
		return NULL;
	}
	b->attempts = first->attempts;
	w.out = &b->body;
	hook_body_begin_events(&b->body, l->hook);
	/* up to a lane whose next event is sent alone: it has its turn, too */
	while ((lane = TAILQ_FIRST(list)) != NULL && !l->stale && batch_has_room(b) &&
	       (b->n == 0 || !STAILQ_FIRST(&lane->events)->is_alone) && lanes_max-- > 0) {
		TAILQ_REMOVE(list, lane, ready);
		take_from_lane(b, &w, lane);
	}
	end_event_writer(&w);
	if (b->n == 0) {
		lanes_free_batch(b);
		return NULL;
	}
	return b;
}

int
batch_refill(struct batch *b)
{
	struct event_writer w = {.hook = b->lanes->hook, .out = &b->body};
	struct hook_sent before[HOOK_BATCH];
	size_t all = b->n;

	memcpy(before, b->sent, sizeof(before));
	hook_body_begin_events(&b->body, b->lanes->hook);
	b->n = 0;
	for (size_t i = 0; i < all && !b->lanes->stale; i++)
		add_event_to_batch(b, &w, &before[i]);
	end_event_writer(&w);
	lanes_release_batch(b, before, all);
	if (b->n == 0) {
		lanes_free_batch(b);
		return -1;
	}
	return 0;
}

/* --- after the turn ------------------------------------------------------------------------- */

void
batch_settle(struct batch *b, bool committed)
{
	struct lanes *l = b->lanes;
	struct hook_sent before[HOOK_BATCH];
	size_t all = b->n;

	b->state = BATCH_WAITING;
	if (!committed) {
		/* the rows are still there, as they were */
		b->due = hub_now(l->hook->base.hub) + BATCH_AGAIN_MS;
		return;
	}
	b->attempts++;
	memcpy(before, b->sent, sizeof(before));
	b->n = 0;
	for (size_t i = 0; i < all; i++) {
		if (b->fate[i] == BATCH_AGAIN)
			b->sent[b->n++] = before[i];
		else if (b->fate[i] == BATCH_GONE) {
			l->events--;
			l->bytes -= (int64_t)before[i].bytes;
		}
	}
	/* from the last on, so that those of a session are in order again; before the lanes are
	 * released, which makes them ready or forgets them */
	for (size_t i = all; i-- > 0;)
		if (b->fate[i] == BATCH_APART && lanes_put_back(b, &before[i]) == -1)
			begin_anew(l);
	lanes_release_batch(b, before, all);
	if (b->n == 0)
		lanes_free_batch(b);
}
