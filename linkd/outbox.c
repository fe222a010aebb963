#include "linkd/outbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linkd/node_text.h"
#include "linkd/redis.h"
#include "linkd/registry.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/link/frame.h"
#include "shared/store/link_out.h"
#include "shared/store/link_peer.h"
#include "shared/store/slots.h"

#define BATCH_BYTES ((size_t)256 << 10) /* to one node ... */
#define BATCH_TOTAL ((size_t)4 << 20)   /* ... and to all */
#define BATCH_ROWS  1000
#define BATCHES     4 /* under way at once */

#define RETRY_MS 1000 /* after an error of Redis */

/* What Redis has is deleted in a transaction that is open anyway, or after this time. */
#define DELETE_MS 20

#define KEY_SIZE 160 /* of the name of a stream */

/* A row of link_peer for none of the nodes: the last row that was deleted. */
#define DELETED LINK_ALL

/* What goes to one node. */
struct outbox_entry {
	int node;
	int64_t last; /* the last row in it */
	struct buf frames;
};

struct outbox_batch {
	struct outbox *o;
	int64_t last;   /* the last row of it, whoever it was for */
	uint64_t rows;  /* of link_out */
	unsigned waits; /* replies that have not come */
	bool is_under_way;
	struct {
		int node;
		int64_t last;
	} * shipped; /* one for each entry */
	size_t shipped_n;
};

struct outbox {
	struct linkd *l;
	char epoch[24];                /* of the database that all of this is about */
	int64_t read;                  /* the last row that is under way, or was */
	int64_t arrived;               /* the last one that Redis has */
	int64_t deleted;               /* the last one that is deleted */
	bool is_deleting;              /* in this turn */
	int64_t delete_at;             /* ms, if something has arrived that is not deleted */
	int64_t prev[NODE_NUMBERS];    /* the last row under way to each node, or that it has */
	int64_t shipped[NODE_NUMBERS]; /* the same, of those that Redis has */
	bool is_dirty[NODE_NUMBERS];   /* `shipped` is to be written */
	struct outbox_batch batches[BATCHES]; /* a ring: from `oldest` on those under way */
	unsigned oldest, count;
	bool is_empty;                /* at the last look nothing waited */
	uint64_t sequel;              /* counts fresh starts: replies of before do not count */
	int64_t retry_at;             /* ms; nothing is shipped before */
	struct outbox_entry *entries; /* of the batch that is being made */
	size_t entries_n;
	size_t rows_n, bytes, total;
	int64_t batch_last;
	int64_t mark, mark_at; /* for the lag: a row, and when it was the newest */
};

/* --- beginning anew ------------------------------------------------------------------------- */

/* What is under way is not: ship from the last deleted row on. */
static void
outbox_begin_anew(struct outbox *o)
{
	for (unsigned i = 0; i < BATCHES; i++)
		free(o->batches[i].shipped);
	memset(o->batches, 0, sizeof(o->batches));
	o->count = 0;
	o->sequel++;
	o->read = o->arrived = o->deleted;
	memcpy(o->prev, o->shipped, sizeof(o->prev));
}

/* Is it another database than before?  Then read what it knows. */
static int
outbox_follow_store(struct outbox *o)
{
	struct store *st = hub_store(o->l->hub);
	struct link_peer peer;

	if (strcmp(o->epoch, store_epoch(st)) == 0)
		return 0;
	memset(o->is_dirty, 0, sizeof(o->is_dirty));
	for (int i = 0; i < NODE_NUMBERS; i++) {
		if (link_peer_read(st, i, &peer) == -1)
			return -1;
		o->shipped[i] = peer.shipped;
	}
	if (link_peer_read(st, DELETED, &peer) == -1)
		return -1;
	o->deleted = peer.shipped;
	snprintf(o->epoch, sizeof(o->epoch), "%s", store_epoch(st));
	outbox_begin_anew(o);
	return 0;
}

void
outbox_down(struct outbox *o)
{
	outbox_begin_anew(o);
}

/* --- replies -------------------------------------------------------------------------------- */

/* The oldest batches that are complete have arrived. */
static void
outbox_advance(struct outbox *o)
{
	while (o->count > 0 && o->batches[o->oldest].waits == 0) {
		struct outbox_batch *b = &o->batches[o->oldest];

		if (o->arrived == o->deleted)
			o->delete_at = o->l->now + DELETE_MS;
		o->arrived = b->last;
		for (size_t i = 0; i < b->shipped_n; i++) {
			o->shipped[b->shipped[i].node] = b->shipped[i].last;
			o->is_dirty[b->shipped[i].node] = true;
		}
		slots_link_count(store_slots(hub_store(o->l->hub)), LINK_COUNT_SHIPPED, b->rows);
		free(b->shipped);
		*b = (struct outbox_batch){.o = o};
		o->oldest = (o->oldest + 1) % BATCHES;
		o->count--;
	}
}

/* Which batch a reply is for. */
struct outbox_ticket {
	struct outbox *o;
	uint64_t sequel;
	unsigned batch;
	int node;
};

static void
outbox_stream(const struct outbox *o, int node, char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "%s:node:%d", o->l->cfg->cluster_prefix, node);
}

/* The entry was not added. */
static void
outbox_fail(struct outbox *o, int node, const redisReply *reply)
{
	char key[KEY_SIZE];
	const char *words[] = {"DEL", key, NULL};

	outbox_stream(o, node, key);
	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "WRONGTYPE", 9) == 0) {
		log_warnx(
		    "Redis: %s is no stream, so it was not made by Pollux; it is deleted", key);
		(void)redis_words(o->l->redis, NULL, NULL, words);
	} else {
		log_limited(LOG_LEVEL_WARN, "Redis: nothing can be sent to other nodes: %s",
		    reply->type == REDIS_REPLY_ERROR ? reply->str : "an unexpected reply");
	}
	o->retry_at = o->l->now + RETRY_MS;
	outbox_begin_anew(o);
}

static void
outbox_on_added(void *arg, const redisReply *reply)
{
	struct outbox_ticket *t = arg, ticket = *t;
	struct outbox *o = ticket.o;

	free(t);
	if (reply == NULL || ticket.sequel != o->sequel)
		return; /* outbox_down() does it for all */
	if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS) {
		outbox_fail(o, ticket.node, reply);
		return;
	}
	o->batches[ticket.batch].waits--;
	outbox_advance(o);
}

/* --- shipping ------------------------------------------------------------------------------- */

static struct outbox_entry *
outbox_entry(struct outbox *o, int node)
{
	struct outbox_entry *e;

	for (size_t i = 0; i < o->entries_n; i++)
		if (o->entries[i].node == node)
			return &o->entries[i];
	e = realloc(o->entries, (o->entries_n + 1) * sizeof(*e));
	if (e == NULL)
		return NULL;
	o->entries = e;
	e += o->entries_n++;
	*e = (struct outbox_entry){.node = node};
	frame_pack_head(&e->frames, &(struct link_head){
					.version = LINK_VERSION,
					.sender = registry_number(o->l->registry),
					.epoch = slice_of(o->epoch),
					.prev = o->prev[node],
				    });
	return e;
}

static bool
outbox_put(struct outbox *o, int node, const struct link_row *row)
{
	struct outbox_entry *e = outbox_entry(o, node);

	if (e == NULL)
		return false;
	frame_pack_frame(&e->frames, &(struct link_frame){row->id, row->kind, row->body});
	e->last = row->id;
	o->total += row->body.n;
	return !e->frames.failed;
}

/* Whether it is a request of a process that has died since.  Its client has been told otherwise, or
 * a balancer has sent it elsewhere: done now it would come behind the client's next. */
static bool
outbox_is_orphan(const struct slots *sl, const struct link_row *row)
{
	struct link_signal s;
	struct slot_info info;

	return (row->kind == LINK_REQUEST || row->kind == LINK_WS_OPEN) &&
	       frame_unpack_signal(row->body, &s) && s.slot >= 0 && s.slot < SLOTS_MAX &&
	       (!slots_info(sl, (int)s.slot, &info) || info.pid != s.number);
}

/* link_out_list: one row. */
static bool
outbox_on_row(void *arg, const struct link_row *row)
{
	struct outbox *o = arg;
	const struct slots *sl = store_slots(hub_store(o->l->hub));
	int own = registry_number(o->l->registry);

	/* one that is larger goes alone */
	if (o->rows_n > 0 && (o->bytes + row->body.n > BATCH_BYTES || o->total > BATCH_TOTAL))
		return false;
	/* rows were dropped, perhaps for these nodes: what follows is to show a gap */
	if (row->id != (o->rows_n == 0 ? o->read : o->batch_last) + 1)
		for (int i = 0; i < NODE_NUMBERS; i++)
			o->prev[i] = row->id - 1;
	if (row->node != LINK_ALL) {
		if (row->node >= 0 && row->node < NODE_NUMBERS && row->node != own &&
		    slots_link_lives(sl, row->node) && !outbox_is_orphan(sl, row) &&
		    !outbox_put(o, row->node, row))
			return false;
	} else {
		/* by the words of the bit set: this is done for every message to a room */
		for (int i = slots_link_next(sl, 0); i != -1; i = slots_link_next(sl, i + 1))
			if (i != own && !outbox_put(o, i, row))
				return false;
	}
	o->rows_n++;
	o->bytes += row->body.n;
	o->batch_last = row->id;
	return true;
}

static int
outbox_send(struct outbox *o, const struct outbox_entry *e, unsigned batch)
{
	char key[KEY_SIZE], length[24];
	const char *words[] = {"XADD", key, "MAXLEN", "~", length, "*", "d", e->frames.p};
	size_t lens[sizeof(words) / sizeof(words[0])];
	struct outbox_ticket *t = malloc(sizeof(*t));

	if (t == NULL)
		return -1;
	*t = (struct outbox_ticket){o, o->sequel, batch, e->node};
	outbox_stream(o, e->node, key);
	snprintf(length, sizeof(length), "%zu", o->l->cfg->cluster_stream_length);
	for (size_t i = 0; i < 7; i++)
		lens[i] = strlen(words[i]);
	lens[7] = e->frames.n;
	if (redis_command(o->l->redis, outbox_on_added, t, 8, words, lens) == 0)
		return 0;
	free(t);
	return -1;
}

/* Send what was collected.  Return 0, or -1: it is to be collected again. */
static int
outbox_ship(struct outbox *o)
{
	unsigned at = (o->oldest + o->count) % BATCHES;
	struct outbox_batch *b = &o->batches[at];

	*b = (struct outbox_batch){.o = o, .last = o->batch_last, .rows = o->rows_n};
	b->shipped = calloc(o->entries_n + 1, sizeof(*b->shipped));
	if (b->shipped == NULL)
		return -1;
	o->count++;
	for (size_t i = 0; i < o->entries_n; i++) {
		const struct outbox_entry *e = &o->entries[i];

		if (e->frames.failed || outbox_send(o, e, at) == -1)
			return -1;
		b->shipped[b->shipped_n].node = e->node;
		b->shipped[b->shipped_n++].last = e->last;
		b->waits++;
		o->prev[e->node] = e->last;
	}
	o->read = o->batch_last;
	outbox_advance(o); /* it may be for nobody */
	return 0;
}

static void
outbox_forget_entries(struct outbox *o)
{
	for (size_t i = 0; i < o->entries_n; i++)
		buf_free(&o->entries[i].frames);
	o->entries_n = o->rows_n = o->bytes = o->total = 0;
}

/* Make a batch of what waits and send it.  False: nothing waits, or it cannot be now. */
static bool
outbox_fill(struct outbox *o)
{
	struct store *st = hub_store(o->l->hub);
	int n = link_out_list(st, o->read, BATCH_ROWS, outbox_on_row, o);
	bool more = n > 0;

	o->is_empty = n == 0;

	if (n > 0 && outbox_ship(o) == -1) {
		log_limited(LOG_LEVEL_WARN, "link: no memory to send what waits");
		o->retry_at = o->l->now + RETRY_MS;
		outbox_begin_anew(o);
		more = false;
	}
	outbox_forget_entries(o);
	return more;
}

/* --- the turn ------------------------------------------------------------------------------- */

int64_t
outbox_due(const struct outbox *o)
{
	if (o->arrived == o->deleted)
		return INT64_MAX;
	return o->l->draining ? o->l->now : o->delete_at;
}

bool
outbox_is_idle(const struct outbox *o)
{
	return !redis_is_up(o->l->redis) || registry_number(o->l->registry) == -1 ||
	       (o->is_empty && o->count == 0 && o->arrived == o->deleted);
}

void
outbox_run(struct outbox *o)
{
	struct store *st = hub_store(o->l->hub);

	o->is_deleting = false;
	if (o->arrived == o->deleted || (outbox_due(o) > o->l->now && !store_in_transaction(st)) ||
	    !server_try(o->l->sv) || transaction_open(o->l->hub) == -1 ||
	    strcmp(o->epoch, store_epoch(st)) != 0)
		return;
	o->is_deleting = true;
	if (link_out_delete(st, o->arrived) == -1 ||
	    link_peer_set_shipped(st, DELETED, o->arrived) == -1)
		transaction_fail(o->l->hub);
	for (int i = 0; i < NODE_NUMBERS; i++)
		if (o->is_dirty[i] && link_peer_set_shipped(st, i, o->shipped[i]) == -1)
			transaction_fail(o->l->hub);
}

void
outbox_settled(struct outbox *o, bool committed)
{
	if (o->is_deleting && committed) {
		o->deleted = o->arrived;
		memset(o->is_dirty, 0, sizeof(o->is_dirty));
	}
	o->is_deleting = false;
}

void
outbox_ship_waiting(struct outbox *o)
{
	/* of a node that was taken for dead nothing is believed: it waits until we are back */
	if (registry_number(o->l->registry) == -1 || !registry_is_sure(o->l->registry) ||
	    o->l->now < o->retry_at || !redis_is_up(o->l->redis) || outbox_follow_store(o) == -1)
		return;
	while (o->count < BATCHES && outbox_fill(o))
		;
}

void
outbox_measure(struct outbox *o)
{
	struct store *st = hub_store(o->l->hub);
	struct slots *sl = store_slots(st);
	struct link_span span;

	if (link_out_span(st, &span) == -1)
		return;
	if (o->deleted >= o->mark || o->mark > span.newest) {
		o->mark = span.newest;
		o->mark_at = o->l->now;
	}
	slots_link_set_counter(sl, LINK_GAUGE_QUEUED, (uint64_t)span.rows);
	slots_link_set_counter(sl, LINK_GAUGE_QUEUED_BYTES, (uint64_t)span.bytes);
	slots_link_set_counter(
	    sl, LINK_GAUGE_LAG_MS, span.rows == 0 ? 0 : (uint64_t)(o->l->now - o->mark_at));
}

struct outbox *
outbox_open(struct linkd *l)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (o != NULL)
		o->l = l;
	return o;
}

void
outbox_close(struct outbox *o)
{
	if (o == NULL)
		return;
	outbox_begin_anew(o);
	outbox_forget_entries(o);
	free(o->entries);
	free(o);
}
