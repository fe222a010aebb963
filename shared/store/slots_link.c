/* slots_link: the part of slots.h that pollux-linkd writes, for the other processes of the node. */
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/store/slots_table.h"

int
slots_link_slot(const struct slots *sl)
{
	return sl->table->link.slot - 1;
}

void
slots_link_take(struct slots *sl)
{
	/* a pollux-linkd that was killed has left the link as it was */
	slots_link_set_up(sl, false);
	slots_link_set_knows_all(sl, false);
	sl->table->link.pid = getpid();
	sl->table->link.slot = sl->own + 1;
}

bool
slots_link_runs(const struct slots *sl)
{
	int slot = slots_link_slot(sl);
	struct slot_info info;

	return slot >= 0 && slots_info(sl, slot, &info) && info.pid == sl->table->link.pid;
}

int
slots_link_number(const struct slots *sl)
{
	return sl->table->link.number - 1;
}

void
slots_link_set_number(struct slots *sl, int number)
{
	sl->table->link.number = number + 1;
}

bool
slots_link_is_up(const struct slots *sl)
{
	return sl->table->link.is_up;
}

void
slots_link_set_up(struct slots *sl, bool is_up)
{
	struct slot_link *link = &sl->table->link;

	if (link->is_up != is_up || link->since == 0)
		link->since = clock_ms();
	link->is_up = is_up;
}

bool
slots_link_knows_all(const struct slots *sl)
{
	return sl->table->link.knows_all;
}

void
slots_link_set_knows_all(struct slots *sl, bool knows)
{
	sl->table->link.knows_all = knows;
}

int64_t
slots_link_since(const struct slots *sl)
{
	return sl->table->link.since;
}

int64_t
slots_link_beat(const struct slots *sl)
{
	return sl->table->link.beat_ms;
}

void
slots_link_set_beat(struct slots *sl, int64_t now_ms)
{
	sl->table->link.beat_ms = now_ms;
}

unsigned
slots_link_peers(const struct slots *sl)
{
	return atomic_load_explicit(&sl->table->link.peers, memory_order_relaxed);
}

bool
slots_link_lives(const struct slots *sl, int number)
{
	return number >= 0 && number < SLOTS_LINK_NUMBERS &&
	       (sl->table->link.alive[number / 64] >> (number % 64) & 1) != 0;
}

int
slots_link_next(const struct slots *sl, int number)
{
	while (number < SLOTS_LINK_NUMBERS) {
		uint64_t word = sl->table->link.alive[number / 64] >> (number % 64);

		if (word != 0)
			return number + __builtin_ctzll(word);
		number = (number / 64 + 1) * 64;
	}
	return -1;
}

bool
slots_link_has_died(const struct slots *sl, int number)
{
	return number >= 0 && number < SLOTS_LINK_NUMBERS && !slots_link_lives(sl, number) &&
	       (sl->table->link.lived[number / 64] >> (number % 64) & 1) != 0;
}

void
slots_link_set_lives(struct slots *sl, int number, bool lives)
{
	uint64_t bit = UINT64_C(1) << (number % 64);

	if (slots_link_lives(sl, number) == lives)
		return;
	sl->table->link.alive[number / 64] ^= bit;
	sl->table->link.lived[number / 64] |= bit;
	if (lives)
		sl->table->link.peers++;
	else
		sl->table->link.peers--;
}

bool
slots_link_reaches(const struct slots *sl, int64_t chan)
{
	const struct slot_link *link = &sl->table->link;

	return slots_link_peers(sl) > 0 &&
	       (filter_wide_has(&link->remote, chan) || filter_wide_has(&link->young[0], chan) ||
		   filter_wide_has(&link->young[1], chan));
}

struct filter_wide *
slots_link_remote(struct slots *sl)
{
	return &sl->table->link.remote;
}

void
slots_link_add_young(struct slots *sl, int64_t chan)
{
	filter_wide_add(&sl->table->link.young[sl->table->link.young_now & 1], chan);
}

void
slots_link_rotate_young(struct slots *sl)
{
	unsigned next = (sl->table->link.young_now + 1) & 1;

	filter_wide_clear(&sl->table->link.young[next]);
	sl->table->link.young_now = next;
}

void
slots_link_count(struct slots *sl, enum slots_link_counter counter, uint64_t n)
{
	atomic_fetch_add_explicit(&sl->table->link.counters[counter], n, memory_order_relaxed);
}

void
slots_link_set_counter(struct slots *sl, enum slots_link_counter counter, uint64_t n)
{
	sl->table->link.counters[counter] = n;
}

uint64_t
slots_link_counter(const struct slots *sl, enum slots_link_counter counter)
{
	return sl->table->link.counters[counter];
}
