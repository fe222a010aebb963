#include "shared/hub/history.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/room_list.h"
#include "shared/hub/internal.h"
#include "shared/link/pack.h"
#include "shared/store/room_history.h"
#include "shared/store/slots.h"

#define SIZE_MS     2000  /* how often the total is looked at */
#define SWEEP_MS    60000 /* how often, at most, it is looked for rooms that nobody uses */
#define SWEEP_PARTS 24    /* ... and how exact their time is */
#define ROOMS_MAX   100   /* rooms dropped in one step */
#define FULL_MS     1000  /* between looks for a place for another room: each reads all rooms */
#define TOUCH_MAX   500
#define CHANGES_MAX 1000

/* --- which rooms ---------------------------------------------------------------------------- */

static void
mark_kept(void *arg, const struct room_history *r)
{
	filter_wide_add(arg, r->chan);
}

int
history_load(struct hub *h)
{
	h->history.recheck = true;
	return room_history_list(h->store, mark_kept, slots_kept(store_slots(h->store)));
}

/* How many messages of the room the configuration has kept. */
static int64_t
configured_for(const struct hub *h, struct slice ns, struct slice room)
{
	size_t n = h->o.history == NULL ? 0 : room_list_find(h->o.history, ns, room);

	return (int64_t)(n < h->o.history_messages ? n : h->o.history_messages);
}

/* Under an open transaction.  1: there is room for one more; 0: there is none; -1. */
static int
find_place(struct hub *h)
{
	struct room_history_total total;
	int dropped;

	if (room_history_total(h->store, &total) == -1)
		return -1;
	if ((size_t)total.rooms < h->o.history_rooms)
		return 1;
	if (h->o.history_rooms == 0) {
		h->history.full_until = h->now + FULL_MS;
		log_limited(
		    LOG_LEVEL_WARN, "history: no room gets one, since [limits] history_rooms is 0");
		return 0;
	}
	/* some at once, since finding them reads all */
	dropped = room_history_expire(h->store, INT64_MAX,
	    (int)(h->o.history_rooms / 16 < ROOMS_MAX ? h->o.history_rooms / 16 : ROOMS_MAX - 1) +
		1);
	if (dropped > 0)
		h->history.stale = true;
	if (dropped == 0) {
		h->history.full_until = h->now + FULL_MS;
		log_limited(LOG_LEVEL_WARN,
		    "history: %lld rooms have one, all of them in use: no further room gets one "
		    "([limits] history_rooms)",
		    (long long)total.rooms);
	}
	return dropped;
}

/* Write the row.  1; 0: there are too many rooms; -1. */
static int
put_row(struct hub *h, const struct room_history *r, bool is_new)
{
	int result = is_new ? find_place(h) : 1;

	if (result > 0 && room_history_put(h->store, r, clock_wall_ms()) == -1)
		result = -1;
	if (result > 0 && is_new)
		filter_wide_add(slots_kept(store_slots(h->store)), r->chan);
	return result > 0 ? 1 : result;
}

/* As history_note(); `tell`: the other nodes, if the join asks for more than was kept. */
static int
note_room(struct hub *h, struct slice ns, struct slice room, int64_t chan, int asked,
    struct room_history *r, bool tell)
{
	int64_t configured = configured_for(h, ns, room);
	struct room_history row;
	bool more;
	int result;

	if (asked > 0 && (size_t)asked > h->o.history_messages)
		asked = (int)h->o.history_messages;
	if (configured == 0 && asked <= 0 &&
	    (r == NULL || !filter_wide_has(slots_kept(store_slots(h->store)), chan)))
		return 0;
	if (h->now < h->history.full_until &&
	    !filter_wide_has(slots_kept(store_slots(h->store)), chan))
		return 0;
	if (r == NULL)
		r = &row;
	if (transaction_open(h) == -1)
		return -1;
	result = room_history_find(h->store, chan, r);
	if (result == 0)
		*r = (struct room_history){
		    .chan = chan, .ns = ns, .room = room, .configured = configured};
	more = result != -1 && asked > r->asked;
	if (more)
		r->asked = asked;
	if (more || (result == 0 && configured > 0))
		result = put_row(h, r, result == 0);
	if (result == -1)
		h->failed = true;
	return result == 1 && more && tell && h->o.cluster && link_tell_kept(h, r) == -1 ? -1
	                                                                                 : result;
}

int
history_note(struct hub *h, struct slice ns, struct slice room, int64_t chan, int asked,
    struct room_history *r)
{
	return note_room(h, ns, room, chan, asked, r, true);
}

int
history_note_elsewhere(
    struct hub *h, struct slice ns, struct slice room, int64_t chan, int64_t asked)
{
	if (asked > INT_MAX)
		asked = INT_MAX;
	return note_room(h, ns, room, chan, (int)asked, NULL, false);
}

/* --- messages ------------------------------------------------------------------------------- */

int
history_find(struct hub *h, int64_t chan, struct slice packet, struct room_history *r)
{
	int result;

	/* messages, JSON and events: PROTOCOL 5.2 */
	if (!filter_wide_has(slots_kept(store_slots(h->store)), chan) || packet.n == 0 ||
	    packet.p[0] < '3' || packet.p[0] > '5')
		return 0;
	if (transaction_open(h) == -1)
		return -1;
	result = room_history_find(h->store, chan, r);
	if (result == -1)
		h->failed = true;
	return result;
}

int
history_add(struct hub *h, struct room_history *r, const int64_t *except, size_t except_n,
    struct slice packet)
{
	struct room_history_message m = {
	    .except_key = except_n == 0 ? 0 : except[0],
	    .payload = packet,
	};
	struct room_history_limits limits = {
	    .messages = r->configured > r->asked ? r->configured : r->asked,
	    .bytes = (int64_t)h->o.history_bytes,
	};
	int added;

	if (except_n > 1)
		m.except_more =
		    (struct slice){(const char *)(except + 1), (except_n - 1) * sizeof(*except)};
	if (limits.messages > (int64_t)h->o.history_messages)
		limits.messages = (int64_t)h->o.history_messages;
	added = room_history_add(h->store, r, &m, &limits, clock_wall_ms());
	if (added == 0 && limits.messages > 0)
		log_limited(LOG_LEVEL_WARN,
		    "history: a message of %zu bytes is not kept: it is longer than [limits] "
		    "history_bytes",
		    packet.n);
	if (added == -1)
		h->failed = true;
	return added == -1 ? -1 : 0;
}

/* A reading in progress. */
struct history_reading {
	int64_t key;
	struct buf *texts;
};

static bool
is_left_out_of(const struct room_history_message *m, int64_t key)
{
	int64_t more;

	if (m->except_key == key)
		return true;
	for (size_t i = 0; i + sizeof(more) <= m->except_more.n; i += sizeof(more)) {
		memcpy(&more, m->except_more.p + i, sizeof(more));
		if (more == key)
			return true;
	}
	return false;
}

static void
add_text(void *arg, const struct room_history_message *m)
{
	struct history_reading *reading = arg;

	if (!is_left_out_of(m, reading->key))
		pack_text(reading->texts, m->payload);
}

int
history_read(struct hub *h, const struct room_history *r, int64_t n, int64_t key, struct buf *texts)
{
	struct history_reading reading = {key, texts};

	if (room_history_read(h->store, r, n, add_text, &reading) == -1 || texts->failed) {
		h->failed = true;
		return -1;
	}
	return 0;
}

/* --- maintenance ---------------------------------------------------------------------------- */

/* Make the filter anew, without the rooms that were dropped in earlier transactions: those of this
 * one may come back by a rollback. */
static void
refresh_filter(struct hub *h)
{
	struct filter_wide *fresh;

	if (!h->history.stale || transaction_open_now(h) == -1)
		return;
	fresh = calloc(1, sizeof(*fresh));
	if (fresh == NULL)
		return; /* next time */
	if (room_history_list(h->store, mark_kept, fresh) == -1) {
		h->failed = true;
	} else {
		filter_wide_replace(slots_kept(store_slots(h->store)), fresh);
		h->history.stale = false;
	}
	free(fresh);
}

static void
free_bytes(struct hub *h, const struct room_history_total *total)
{
	int64_t most = (int64_t)h->o.history_total_bytes;
	int dropped;

	if (total->bytes <= most || transaction_open_now(h) == -1)
		return;
	dropped = room_history_free(h->store, total->bytes - most, ROOMS_MAX);
	if (dropped == -1)
		h->failed = true;
	if (dropped <= 0)
		return;
	h->history.stale = true;
	log_counted(LOG_LEVEL_WARN, (uint64_t)dropped, "rooms lost theirs",
	    "history: more is kept than [limits] history_total_bytes allows: rooms that were used "
	    "the longest ago lose their history");
}

/* Rooms that nobody is in, and has used, for so long. */
static void
drop_unused(struct hub *h)
{
	int64_t now = clock_wall_ms(), period = h->o.history_time_ms / SWEEP_PARTS;
	int dropped;

	h->history.next_sweep = h->now + (period < SIZE_MS       ? SIZE_MS
					     : period > SWEEP_MS ? SWEEP_MS
								 : period);
	if (transaction_open_now(h) == -1)
		return;
	dropped = room_history_touch(h->store, now - period, TOUCH_MAX, now);
	if (dropped == 0)
		dropped = room_history_expire(h->store, now - h->o.history_time_ms, ROOMS_MAX);
	if (dropped == -1)
		h->failed = true;
	if (dropped > 0)
		h->history.stale = true;
	if (dropped == ROOMS_MAX)
		h->history.next_sweep = h->now;
}

void
history_maintain(struct hub *h)
{
	struct room_history_total total;

	if (h->now < h->history.next_size)
		return;
	h->history.next_size = h->now + SIZE_MS;
	refresh_filter(h);
	/* without a transaction, as long as there is nothing to do */
	if (room_history_total(h->store, &total) == -1 || total.rooms == 0)
		return;
	free_bytes(h, &total);
	if (h->now >= h->history.next_sweep)
		drop_unused(h);
}

/* --- another configuration ------------------------------------------------------------------ */

struct history_changes {
	const struct hub *h;
	struct {
		int64_t chan, configured;
		bool drop;
	} at[CHANGES_MAX];
	int n;
};

static void
add_change(void *arg, const struct room_history *r)
{
	struct history_changes *list = arg;
	int64_t configured = configured_for(list->h, r->ns, r->room);

	if (configured == r->configured || list->n == CHANGES_MAX)
		return;
	list->at[list->n].chan = r->chan;
	list->at[list->n].configured = configured;
	list->at[list->n++].drop = configured == 0 && r->asked == 0;
}

void
history_check_configuration(struct hub *h)
{
	struct history_changes list = {.h = h};

	if (!h->history.recheck || room_history_list(h->store, add_change, &list) == -1)
		return;
	h->history.recheck = list.n > 0; /* again, to see that it is done */
	if (list.n == 0 || transaction_open_now(h) == -1)
		return;
	for (int i = 0; i < list.n && !h->failed; i++)
		if ((list.at[i].drop ? room_history_drop(h->store, list.at[i].chan)
				     : room_history_configure(
					   h->store, list.at[i].chan, list.at[i].configured)) == -1)
			h->failed = true;
	h->history.stale = true;
}
