/* A request for events, from their rows: docs/hook.md, section 4. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/hook/lanes.h"
#include "shared/wire/json.h"

/* What a request is made of, while it is. */
struct making {
	struct hook *hook;
	struct hook_told *told;
	struct buf *out;
	struct buf data; /* of the session of `key` */
	char *user;
	int64_t key; /* 0: none yet */
};

static void
write_told(void *arg, const struct hook_row *row)
{
	struct making *m = arg;
	const char *epoch = store_epoch(hub_store(m->hook->base.hub));
	struct ns *ns = namespace_find(&m->hook->base, row->ns);

	m->told->ns = ns == NULL ? NULL : &ns->hub;
	snprintf(m->told->ack, sizeof(m->told->ack), "%.*s", (int)row->ack.n,
	    row->ack.p == NULL ? "" : row->ack.p);
	hook_write_row(m->out, epoch, row, m->user, buf_slice(&m->data));
}

/* Append the event to the body.  Return 1, 0: its row is gone, or -1. */
static int
write_event(struct making *m, struct hook_told *told)
{
	struct store *st = hub_store(m->hook->base.hub);

	if (m->key != told->key) {
		m->key = told->key;
		buf_clear(&m->data);
		free(m->user);
		m->user = hook_queue_user(st, m->key);
		if (hook_write_data(m->hook, &m->data, m->key) == -1)
			return -1;
	}
	m->told = told;
	return hook_queue_read(st, told->id, write_told, m);
}

static void
end_making(struct making *m)
{
	buf_free(&m->data);
	free(m->user);
}

static void
begin_body(struct hook *hook, struct buf *out)
{
	buf_clear(out);
	buf_puts(out, "{\"v\":1,\"hook\":\"events\",\"node\":");
	json_write_string(out, slice_of(hook->node));
	buf_printf(out, ",\"epoch\":\"%s\",\"events\":[", store_epoch(hub_store(hook->base.hub)));
}

/* Add one event to the batch and its body.  False: its row is not there any more. */
static bool
put(struct batch *b, struct making *m, const struct hook_told *told)
{
	size_t before = b->body.n;
	int result;

	b->told[b->n] = *told;
	if (b->n > 0)
		buf_add_char(&b->body, ',');
	result = write_event(m, &b->told[b->n]);
	if (result == 1) {
		b->n++;
		return true;
	}
	b->body.n = before;
	b->d->stale = b->d->stale || result == -1;
	b->d->events--;
	b->d->bytes -= (int64_t)told->bytes;
	return false;
}

static bool
has_room(const struct batch *b)
{
	return b->n == 0 || (b->n < HOOK_BATCH && b->body.n < HOOK_BATCH_BYTES);
}

/* Take the events of a lane that go into this batch, at least the first. */
static void
take_from(struct batch *b, struct making *m, struct lane *lane)
{
	struct item *item;
	bool any = false;

	lane->batch = b;
	while ((item = STAILQ_FIRST(&lane->items)) != NULL && item->is_sync == b->is_sync &&
	       has_room(b)) {
		struct hook_told told = {.id = item->id,
		    .key = lane->key,
		    .created = item->created,
		    .bytes = item->bytes};

		any = put(b, m, &told) || any;
		STAILQ_REMOVE_HEAD(&lane->items, next);
		free(item);
	}
	if (!any)
		lane_release(b->d, lane->key);
}

static void
send(struct batch *b)
{
	struct hook *hook = b->d->hook;
	char id[HOOK_ID_MAX];
	struct hook_request request = {
	    .id = id,
	    .kind = "events",
	    .attempt = b->attempts + 1,
	    .timeout_ms = hook->cfg->hook_timeout_ms,
	    .now_ms = hub_now(hook->base.hub),
	    .last_error = hook->last_error[0] == '\0' ? NULL : hook->last_error,
	};

	buf_puts(&b->body, "]}");
	request.body = buf_slice(&b->body);
	hook_event_id(id, store_epoch(hub_store(hook->base.hub)), b->id);
	memcpy(id, "req", 3); /* of the request, not of its first event */
	b->call = b->body.failed ? NULL : hook_http_post(hook->http, &request, deliver_done, b);
	if (b->call == NULL) {
		b->state = BATCH_WAITING;
		b->due = hub_now(hook->base.hub) + DELIVER_AGAIN_MS;
		return;
	}
	b->state = BATCH_INFLIGHT;
	b->d->inflight++;
	hook->last_error[0] = '\0';
}

/* How many lanes of the list go into the next request.  Clients wait for the answers to sync
 * events, so these are sent together only when there are not requests enough: none waits for
 * another's, or loses its answer by it. */
static size_t
share(const struct deliver *d, const struct lane_list *list)
{
	size_t room = d->hook->cfg->hook_max_in_flight - d->inflight, n = 0;
	const struct lane *lane;

	if (list != &d->ready_sync)
		return HOOK_BATCH;
	TAILQ_FOREACH (lane, list, ready)
		if (++n == HOOK_BATCH * room)
			break;
	return (n + room - 1) / room;
}

void
send_new(struct deliver *d, struct lane_list *list)
{
	size_t lanes = share(d, list);
	struct lane *lane = TAILQ_FIRST(list);
	struct item *first = STAILQ_FIRST(&lane->items);
	struct batch *b = batch_new(d, first->id, first->is_sync);
	struct making m = {.hook = d->hook};

	if (b == NULL)
		return;
	m.out = &b->body;
	begin_body(d->hook, &b->body);
	while ((lane = TAILQ_FIRST(list)) != NULL && has_room(b) && lanes-- > 0) {
		TAILQ_REMOVE(list, lane, ready);
		take_from(b, &m, lane);
	}
	end_making(&m);
	if (b->n == 0)
		batch_free(b);
	else
		send(b);
}

void
send_again(struct batch *b)
{
	struct making m = {.hook = b->d->hook, .out = &b->body};
	struct hook_told before[HOOK_BATCH];
	size_t all = b->n;

	memcpy(before, b->told, sizeof(before));
	begin_body(b->d->hook, &b->body);
	b->n = 0;
	for (size_t i = 0; i < all; i++)
		put(b, &m, &before[i]);
	end_making(&m);
	batch_release(b, before, all);
	if (b->n == 0)
		batch_free(b);
	else
		send(b);
}

int
send_bury(struct hook *hook, struct hook_told *told, const char *error)
{
	struct buf body = {.p = NULL};
	struct making m = {.hook = hook, .out = &body};
	int result = write_event(&m, told);

	if (result == 1)
		result =
		    hook_queue_bury(hub_store(hook->base.hub), told->id, buf_slice(&body), error);
	end_making(&m);
	buf_free(&body);
	return result == -1 ? -1 : hook_queue_forget(hub_store(hook->base.hub), told->key);
}
