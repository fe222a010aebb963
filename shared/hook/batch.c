#include "shared/hook/batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"

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
	snprintf(w->sent->ack, sizeof(w->sent->ack), "%.*s", (int)row->ack.n,
	    row->ack.p == NULL ? "" : row->ack.p);
	hook_body_write_event(w->out, epoch, row, w->user, buf_slice(&w->data));
}

/* Append the event to the body.  STORE_NOT_FOUND: its row is gone. */
static enum store_result
write_event(struct event_writer *w, struct hook_sent *sent)
{
	struct store *st = hub_store(w->hook->base.hub);

	/* a batch has the events of a session in a row, so this is read once for each */
	if (w->key != sent->key) {
		w->key = sent->key;
		buf_clear(&w->data);
		free(w->user);
		w->user = hook_queue_user(st, w->key);
		if (hook_body_write_values(&w->data, w->hook, w->key) == -1)
			return STORE_FAILED;
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

/* Add one event to the batch and its body.  False: its row is gone. */
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
		b->n++;
		return true;
	}
	b->body.n = before;
	l->stale = l->stale || written == STORE_FAILED;
	l->events--;
	l->bytes -= (int64_t)sent->bytes;
	return false;
}

static bool
batch_has_room(const struct batch *b)
{
	return b->n == 0 || (b->n < HOOK_BATCH && b->body.n < BATCH_BYTES);
}

/* Take the events of a lane that go into this batch, at least the first. */
static void
take_from_lane(struct batch *b, struct event_writer *w, struct lane *lane)
{
	struct queued_event *e;
	bool any = false;

	lane->batch = b;
	/* sync and queued events never share a request: a client waits for the first kind only */
	while ((e = STAILQ_FIRST(&lane->events)) != NULL && e->is_sync == b->is_sync &&
	       batch_has_room(b)) {
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
	struct batch *b = lanes_new_batch(l, first->id, first->is_sync);
	struct event_writer w = {.hook = l->hook};

	if (b == NULL)
		return NULL;
	w.out = &b->body;
	hook_body_begin_events(&b->body, l->hook);
	while ((lane = TAILQ_FIRST(list)) != NULL && batch_has_room(b) && lanes_max-- > 0) {
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
	for (size_t i = 0; i < all; i++)
		add_event_to_batch(b, &w, &before[i]);
	end_event_writer(&w);
	lanes_release_batch(b, before, all);
	if (b->n == 0) {
		lanes_free_batch(b);
		return -1;
	}
	return 0;
}

/* --- rows ----------------------------------------------------------------------------------- */

/* Move an event to the dead letters, with its body as it would have been sent.  0 or -1. */
static int
add_dead_letter(struct hook *hook, struct hook_sent *sent, const char *error)
{
	struct store *st = hub_store(hook->base.hub);
	struct buf body = {.p = NULL};
	struct event_writer w = {.hook = hook, .out = &body};
	enum store_result written = write_event(&w, sent);
	bool failed = written == STORE_FAILED;

	if (written == STORE_OK)
		failed = hook_queue_dead_letter(st, sent->id, buf_slice(&body), error) == -1;
	end_event_writer(&w);
	buf_free(&body);
	return failed ? -1 : hook_queue_forget(st, sent->key);
}

void
batch_delete_rows(struct batch *b)
{
	struct store *st = hub_store(b->lanes->hook->base.hub);

	memset(b->again, 0, sizeof(b->again));
	for (size_t i = 0; i < b->n; i++)
		if (hook_queue_done(st, b->sent[i].id) == -1 ||
		    hook_queue_forget(st, b->sent[i].key) == -1)
			transaction_fail(b->lanes->hook->base.hub);
}

void
batch_postpone_rows(struct batch *b, int64_t due, const char *error)
{
	struct hook *hook = b->lanes->hook;
	struct store *st = hub_store(hook->base.hub);
	unsigned dead = 0;
	int failed = 0;

	b->due = due;
	for (size_t i = 0; i < b->n && failed == 0; i++) {
		b->again[i] = due - b->sent[i].created <= hook->cfg->hook_retry_for_ms;
		if (b->again[i]) {
			failed = hook_queue_retry(st, b->sent[i].id, b->id, b->attempts + 1, due);
		} else {
			failed = add_dead_letter(hook, &b->sent[i], error);
			dead++;
		}
	}
	if (dead > 0)
		log_warnx(
		    "hook %s: %u events could not be delivered (%s) and are kept in hook_dead",
		    hook_http_name(hook->http), dead, error);
	if (failed != 0)
		transaction_fail(hook->base.hub);
}

void
batch_settle(struct batch *b, bool committed)
{
	struct hook_sent before[HOOK_BATCH];
	size_t all = b->n;

	b->state = BATCH_WAITING;
	if (!committed) {
		/* the rows are still there */
		b->due = hub_now(b->lanes->hook->base.hub) + BATCH_AGAIN_MS;
		return;
	}
	memcpy(before, b->sent, sizeof(before));
	b->n = 0;
	for (size_t i = 0; i < all; i++) {
		if (b->again[i]) {
			b->sent[b->n++] = before[i];
			continue;
		}
		b->lanes->events--;
		b->lanes->bytes -= (int64_t)before[i].bytes;
	}
	b->attempts++;
	lanes_release_batch(b, before, all);
	if (b->n == 0)
		lanes_free_batch(b);
}
