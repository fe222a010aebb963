/* The events that wait, in memory: see hook_deliver.h. */
#include "shared/hook/lanes.h"

#include <stdlib.h>

/* --- lanes -------------------------------------------------------------------------------------
 */

static struct lane_list *
ready_list(struct deliver *d, const struct lane *lane)
{
	return STAILQ_FIRST(&lane->items)->is_sync ? &d->ready_sync : &d->ready_queue;
}

static void
make_ready(struct deliver *d, struct lane *lane)
{
	TAILQ_INSERT_TAIL(ready_list(d, lane), lane, ready);
}

static struct lane *
lane_of(struct deliver *d, int64_t key)
{
	struct lane *lane;

	HASH_FIND(hh, d->lanes, &key, sizeof(key), lane);
	if (lane != NULL)
		return lane;
	lane = calloc(1, sizeof(*lane));
	if (lane == NULL)
		return NULL;
	lane->key = key;
	STAILQ_INIT(&lane->items);
	HASH_ADD(hh, d->lanes, key, sizeof(lane->key), lane);
	return lane;
}

/* No batch holds its front any more. */
void
lane_release(struct deliver *d, int64_t key)
{
	struct lane *lane;

	HASH_FIND(hh, d->lanes, &key, sizeof(key), lane);
	if (lane == NULL || lane->batch == NULL)
		return;
	lane->batch = NULL;
	if (!STAILQ_EMPTY(&lane->items)) {
		make_ready(d, lane);
		return;
	}
	HASH_DEL(d->lanes, lane);
	free(lane);
}

void
batch_free(struct batch *b)
{
	if (b->call != NULL)
		hook_http_cancel(b->call);
	TAILQ_REMOVE(&b->d->batches, b, all);
	buf_free(&b->body);
	free(b);
}

void
lanes_forget(struct deliver *d)
{
	struct lane *lane, *next;
	struct item *e;

	while (!TAILQ_EMPTY(&d->batches))
		batch_free(TAILQ_FIRST(&d->batches));
	HASH_ITER (hh, d->lanes, lane, next) {
		while ((e = STAILQ_FIRST(&lane->items)) != NULL) {
			STAILQ_REMOVE_HEAD(&lane->items, next);
			free(e);
		}
		HASH_DEL(d->lanes, lane);
		free(lane);
	}
	TAILQ_INIT(&d->ready_sync);
	TAILQ_INIT(&d->ready_queue);
	d->inflight = 0;
	d->events = d->bytes = 0;
	d->read_up_to = 0;
	d->look = true;
	d->stale = false;
	if (d->breaker == BREAKER_PROBING)
		d->breaker = BREAKER_OPEN;
}

void
batch_release(struct batch *b, const struct hook_told *before, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool stays = false;

		for (size_t k = 0; k < b->n; k++)
			stays = stays || b->told[k].key == before[i].key;
		if (!stays)
			lane_release(b->d, before[i].key);
	}
}

/* --- from the store ----------------------------------------------------------------------------
 */

struct loading {
	struct deliver *d;
	bool failed;
};

struct batch *
batch_new(struct deliver *d, int64_t id, bool is_sync)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->d = d;
	b->id = id;
	b->is_sync = is_sync;
	TAILQ_INSERT_TAIL(&d->batches, b, all);
	return b;
}

/* An event that was tried before, by whoever led then. */
static int
join_batch(struct deliver *d, struct lane *lane, const struct hook_entry *entry)
{
	struct batch *b;

	TAILQ_FOREACH (b, &d->batches, all)
		if (b->id == entry->batch)
			break;
	if (b == NULL) {
		b = batch_new(d, entry->batch, entry->is_sync);
		if (b == NULL)
			return -1;
		b->state = BATCH_WAITING;
		b->attempts = entry->attempts;
		b->due = entry->due;
	}
	if (b->n == HOOK_BATCH)
		return -1;
	b->told[b->n++] = (struct hook_told){
	    .id = entry->id, .key = entry->key, .created = entry->created, .bytes = entry->bytes};
	lane->batch = b;
	return 0;
}

static void
add_entry(void *arg, const struct hook_entry *entry)
{
	struct loading *l = arg;
	struct deliver *d = l->d;
	struct lane *lane = l->failed ? NULL : lane_of(d, entry->key);
	struct item *e;

	l->failed = lane == NULL;
	if (l->failed)
		return;
	d->read_up_to = entry->id;
	d->events++;
	d->bytes += (int64_t)entry->bytes;
	if (entry->batch != 0) {
		l->failed = join_batch(d, lane, entry) == -1;
		return;
	}
	e = calloc(1, sizeof(*e));
	l->failed = e == NULL;
	if (l->failed)
		return;
	*e = (struct item){.id = entry->id,
	    .created = entry->created,
	    .bytes = entry->bytes,
	    .is_sync = entry->is_sync};
	STAILQ_INSERT_TAIL(&lane->items, e, next);
	if (lane->batch == NULL && STAILQ_FIRST(&lane->items) == e)
		make_ready(d, lane);
}

void
lanes_load(struct deliver *d)
{
	struct loading l = {d, false};

	d->look = false;
	if (hook_queue_list(hub_store(d->hook->base.hub), d->read_up_to, add_entry, &l) == -1 ||
	    l.failed)
		lanes_forget(d); /* and again at the next tick */
}

void
lanes_init(struct deliver *d)
{
	TAILQ_INIT(&d->batches);
	TAILQ_INIT(&d->ready_sync);
	TAILQ_INIT(&d->ready_queue);
}
