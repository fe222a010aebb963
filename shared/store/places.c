#include "shared/store/places.h"

#include "shared/store/slots_table.h"

#define REPORT_MS 60000
#define CHECK_MS  1000 /* how often it is asked which processes live, while all places are taken */

/* The state of a place is one word, which changes as a whole:
 *
 *	generation (20 bits) | free at, ms (44 bits; all ones: held)
 *
 * Each take has a new generation.  The request that had the place before cannot change the state
 * then, since it expects another. */
#define TIME_BITS 44
#define HELD      ((UINT64_C(1) << TIME_BITS) - 1)

static uint64_t
place_time(uint64_t state)
{
	return state & HELD;
}

static uint64_t
place_state(uint64_t generation, uint64_t time)
{
	return generation << TIME_BITS | time;
}

static bool
place_is_taken(uint64_t state, int64_t now_ms)
{
	uint64_t time = place_time(state);

	/* a time that is too far away is of an earlier boot */
	return time == HELD ||
	       (time > (uint64_t)now_ms && time <= (uint64_t)now_ms + PLACES_RESERVED_MS);
}

/* Let go of a place that is in this state, unless somebody else has just changed it. */
static void
release_place(struct slot_place *place, uint64_t state, int64_t free_at)
{
	atomic_compare_exchange_strong(&place->state, &state,
	    place_state(state >> TIME_BITS, free_at < 0 ? 0 : (uint64_t)free_at));
}

/* --- taking --------------------------------------------------------------------------------- */

/* What a look over the places has found. */
struct places_look {
	size_t taken;
	int own, free; /* -1: none */
};

/* The places in use are the first ones, so a look is as short as the limit: it costs a hundredth of
 * what finding the session costs, and with the largest limit a tenth. */
static struct places_look
look_for_places(const struct slot_places *of, int64_t key, int64_t now_ms)
{
	struct places_look look = {.own = -1, .free = -1};
	int high = of->high;

	for (int i = 0; i < high; i++) {
		const struct slot_place *place = &of->at[i];
		uint64_t state = atomic_load_explicit(&place->state, memory_order_relaxed);

		if (place_is_taken(state, now_ms)) {
			look.taken++;
			if (place->key == key)
				look.own = i;
		} else if (look.free == -1) {
			look.free = i;
		}
	}
	if (look.free == -1 && high < PLACES_MAX)
		look.free = high;
	return look;
}

/* The places of processes that have died are kept like those of a poll that has ended: their
 * clients are about to come back. */
static void
release_dead(struct slots *sl, struct slot_places *of, int64_t now_ms)
{
	int64_t last = of->checked_ms;
	int high = of->high;

	if (last > now_ms - CHECK_MS && last <= now_ms)
		return;
	of->checked_ms = now_ms;
	for (int i = 0; i < high; i++) {
		uint64_t state = of->at[i].state;

		if (place_time(state) == HELD && !slots_alive(sl, of->at[i].slot))
			release_place(&of->at[i], state, now_ms + PLACES_KEPT_MS);
	}
}

uint64_t
places_take(struct slots *sl, enum places_pool pool, int64_t key, size_t limit, int64_t now_ms)
{
	struct slot_places *of = &sl->table->places[pool];
	struct places_look look = look_for_places(of, key, now_ms);
	int at = look.own;
	struct slot_place *place;
	uint64_t generation;

	/* who has a place keeps it, whatever the limit is by now */
	if (at == -1 && look.taken < limit)
		at = look.free;
	if (at == -1) {
		/* what it frees is for later: the clients of the dead come first */
		release_dead(sl, of, now_ms);
		return 0;
	}
	place = &of->at[at];
	if (place->key != key || place->since == 0)
		place->since = now_ms;
	place->key = key;
	place->slot = sl->own;
	generation = (place->state >> TIME_BITS) + 1;
	/* an older request may leave at the same time: this is the last word */
	place->state = place_state(generation, HELD);
	if (of->high <= at)
		of->high = at + 1;
	return (uint64_t)(at + 1) << 32 | (generation & (UINT64_MAX >> TIME_BITS));
}

/* The place of this ticket is held no longer, and free from that time on. */
static void
keep_place(struct slots *sl, enum places_pool pool, uint64_t ticket, int64_t free_at)
{
	size_t at = ticket >> 32;

	if (at > 0 && at <= PLACES_MAX)
		release_place(&sl->table->places[pool].at[at - 1],
		    place_state(ticket & UINT32_MAX, HELD), free_at);
}

bool
places_reserve(struct slots *sl, enum places_pool pool, int64_t key, size_t limit, int64_t now_ms)
{
	uint64_t ticket = places_take(sl, pool, key, limit, now_ms);

	if (ticket != 0)
		sl->table->places[pool].at[(ticket >> 32) - 1].since = 0;
	keep_place(sl, pool, ticket, now_ms + PLACES_RESERVED_MS);
	return ticket != 0;
}

void
places_leave(
    struct slots *sl, enum places_pool pool, uint64_t ticket, bool for_good, int64_t now_ms)
{
	keep_place(sl, pool, ticket, for_good ? 0 : now_ms + PLACES_KEPT_MS);
}

bool
places_are_taken(const struct slots *sl, enum places_pool pool, size_t limit, int64_t now_ms)
{
	return look_for_places(&sl->table->places[pool], 0, now_ms).taken >= limit;
}

void
places_forget_slot(struct slots *sl, int slot, int64_t now_ms)
{
	for (int pool = 0; pool < PLACES_POOLS; pool++) {
		struct slot_places *of = &sl->table->places[pool];

		for (int i = 0; i < of->high; i++) {
			uint64_t state = of->at[i].state;

			if (place_time(state) == HELD && of->at[i].slot == slot)
				release_place(&of->at[i], state, now_ms + PLACES_KEPT_MS);
		}
	}
}

int64_t
places_age(const struct slots *sl, enum places_pool pool, int64_t key, int64_t now_ms)
{
	const struct slot_places *of = &sl->table->places[pool];
	int own = look_for_places(of, key, now_ms).own;

	return own == -1 || of->at[own].since == 0 ? INT64_MAX : now_ms - of->at[own].since;
}

/* --- figures -------------------------------------------------------------------------------- */

void
places_set_limit(struct slots *sl, enum places_pool pool, size_t limit)
{
	struct slot_places *of = &sl->table->places[pool];

	if (of->limit != limit)
		of->limit = limit;
}

void
places_figures(
    const struct slots *sl, enum places_pool pool, int64_t now_ms, struct places_figures *figures)
{
	const struct slot_places *of = &sl->table->places[pool];

	figures->limit = of->limit;
	figures->taken = look_for_places(of, 0, now_ms).taken;
	figures->refused = of->refused;
}

const char *
places_pool_name(enum places_pool pool)
{
	return pool == PLACES_FCGI ? "fcgi" : "wsd";
}

uint64_t
places_count_refused(struct slots *sl, enum places_pool pool, int64_t now_ms)
{
	struct slot_places *of = &sl->table->places[pool];
	uint64_t refused = ++of->refused;
	int64_t last = of->reported_ms;

	of->refused_ms = now_ms;
	/* of several processes one reports; 0: nobody yet */
	if ((last != 0 && last <= now_ms && now_ms - last < REPORT_MS) ||
	    !atomic_compare_exchange_strong(&of->reported_ms, &last, now_ms))
		return 0;
	return refused - atomic_exchange(&of->reported, refused);
}

int64_t
places_last_refused(const struct slots *sl, enum places_pool pool, int64_t now_ms)
{
	int64_t last = sl->table->places[pool].refused_ms;

	return last == 0 || last > now_ms ? INT64_MAX : now_ms - last;
}
