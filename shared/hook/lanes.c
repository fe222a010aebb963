#include "shared/hook/lanes.h"

#include <stdlib.h>

/* --- lanes ---------------------------------------------------------------------------------- */

static void
make_lane_ready(struct lanes *l, struct lane *lane)
{
	struct lane_list *list =
	    STAILQ_FIRST(&lane->events)->is_sync ? &l->ready_sync : &l->ready_queue;

	TAILQ_INSERT_TAIL(list, lane, ready);
}

static struct lane *
open_lane(struct lanes *l, int64_t key)
{
	struct lane *lane;

	HASH_FIND(hh, l->by_key, &key, sizeof(key), lane);
	if (lane != NULL)
		return lane;
	lane = calloc(1, sizeof(*lane));
	if (lane == NULL)
		return NULL;
	lane->key = key;
	STAILQ_INIT(&lane->events);
	HASH_ADD(hh, l->by_key, key, sizeof(lane->key), lane);
	return lane;
}

void
lanes_release(struct lanes *l, int64_t key)
{
	struct lane *lane;

	HASH_FIND(hh, l->by_key, &key, sizeof(key), lane);
	/* two events of one session in a batch release its lane twice */
	if (lane == NULL || lane->batch == NULL)
		return;
	lane->batch = NULL;
	if (!STAILQ_EMPTY(&lane->events)) {
		make_lane_ready(l, lane);
		return;
	}
	HASH_DEL(l->by_key, lane);
	free(lane);
}

void
lanes_release_batch(struct batch *b, const struct hook_sent *before, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool stays = false;

		for (size_t k = 0; k < b->n; k++)
			stays = stays || b->sent[k].key == before[i].key;
		if (!stays)
			lanes_release(b->lanes, before[i].key);
	}
}

static void
free_lane(struct lanes *l, struct lane *lane)
{
	struct queued_event *e;

	while ((e = STAILQ_FIRST(&lane->events)) != NULL) {
		STAILQ_REMOVE_HEAD(&lane->events, next);
		free(e);
	}
	HASH_DEL(l->by_key, lane);
	free(lane);
}

int
lanes_put_back(struct batch *b, const struct hook_sent *sent)
{
	struct queued_event *e = calloc(1, sizeof(*e));
	struct lane *lane;

	HASH_FIND(hh, b->lanes->by_key, &sent->key, sizeof(sent->key), lane);
	if (e == NULL || lane == NULL) {
		free(e);
		return -1;
	}
	*e = (struct queued_event){.id = sent->id,
	    .created = sent->created,
	    .bytes = sent->bytes,
	    .attempts = b->attempts,
	    .is_sync = b->is_sync,
	    .is_alone = true};
	STAILQ_INSERT_HEAD(&lane->events, e, next);
	return 0;
}

/* --- batches -------------------------------------------------------------------------------- */

struct batch *
lanes_new_batch(struct lanes *l, int64_t id, bool is_sync)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->lanes = l;
	b->id = id;
	b->is_sync = is_sync;
	b->handled = -1;
	TAILQ_INSERT_TAIL(&l->batches, b, all);
	return b;
}

void
lanes_free_batch(struct batch *b)
{
	if (b->call != NULL)
		hook_http_cancel(b->call);
	TAILQ_REMOVE(&b->lanes->batches, b, all);
	buf_free(&b->body);
	free(b);
}

static void
clear_lanes(struct lanes *l)
{
	TAILQ_INIT(&l->ready_sync);
	TAILQ_INIT(&l->ready_queue);
	l->events = l->bytes = 0;
	l->read_up_to = 0;
	l->rescan = true;
	l->stale = false;
	l->stale_until = 0;
}

void
lanes_forget(struct lanes *l)
{
	struct lane *lane, *next;

	while (!TAILQ_EMPTY(&l->batches))
		lanes_free_batch(TAILQ_FIRST(&l->batches));
	HASH_ITER (hh, l->by_key, lane, next)
		free_lane(l, lane);
	clear_lanes(l);
}

void
lanes_init(struct lanes *l, struct hook *hook)
{
	l->hook = hook;
	TAILQ_INIT(&l->batches);
	clear_lanes(l);
}

/* --- from the store ------------------------------------------------------------------------- */

struct lanes_loading {
	struct lanes *lanes;
	bool failed;
};

static struct batch *
find_batch(struct lanes *l, int64_t id)
{
	struct batch *b;

	TAILQ_FOREACH (b, &l->batches, all)
		if (b->id == id)
			return b;
	return NULL;
}

/* Put an event back into the batch in which a former leader sent it: a repeated request has the
 * same events under the same id, by which the hook recognizes it. */
static int
rejoin_batch(struct lanes *l, struct lane *lane, const struct hook_entry *entry)
{
	struct batch *b = find_batch(l, entry->batch);

	if (b == NULL) {
		b = lanes_new_batch(l, entry->batch, entry->is_sync);
		if (b == NULL)
			return -1;
		b->state = BATCH_WAITING;
		b->attempts = entry->attempts;
		b->failed = entry->failed;
		b->due = entry->due;
	}
	if (b->n == HOOK_BATCH)
		return -1;
	b->sent[b->n++] = (struct hook_sent){
	    .id = entry->id, .key = entry->key, .created = entry->created, .bytes = entry->bytes};
	lane->batch = b;
	return 0;
}

static int
queue_event(struct lanes *l, struct lane *lane, const struct hook_entry *entry)
{
	struct queued_event *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return -1;
	*e = (struct queued_event){.id = entry->id,
	    .created = entry->created,
	    .bytes = entry->bytes,
	    .attempts = entry->attempts,
	    .is_sync = entry->is_sync,
	    .is_alone = entry->batch != 0};
	STAILQ_INSERT_TAIL(&lane->events, e, next);
	/* a lane that had events is on a list already */
	if (lane->batch == NULL && STAILQ_FIRST(&lane->events) == e)
		make_lane_ready(l, lane);
	return 0;
}

static void
add_lane_entry(void *arg, const struct hook_entry *entry)
{
	struct lanes_loading *loading = arg;
	struct lanes *l = loading->lanes;
	struct lane *lane = loading->failed ? NULL : open_lane(l, entry->key);

	loading->failed = lane == NULL;
	if (loading->failed)
		return;
	l->read_up_to = entry->id;
	l->events++;
	l->bytes += (int64_t)entry->bytes;
	/* of events that are sent alone only the first of its session is on its way; so the second
	 * has another batch than the one that holds the lane */
	if (entry->batch != 0 && STAILQ_EMPTY(&lane->events) &&
	    (lane->batch == NULL || lane->batch->id == entry->batch))
		loading->failed = rejoin_batch(l, lane, entry) == -1;
	else
		loading->failed = queue_event(l, lane, entry) == -1;
}

int
lanes_load(struct lanes *l)
{
	struct lanes_loading loading = {l, false};
	struct store *st = hub_store(l->hook->base.hub);

	l->rescan = false;
	if (hook_queue_list(st, l->read_up_to, add_lane_entry, &loading) == -1 || loading.failed)
		return -1;
	return 0;
}
