#include "shared/store/timekeeper.h"

#include "shared/store/internal.h"
#include "shared/store/lock.h"
#include "shared/store/slots_table.h"
#include "shared/store/wake.h"

static struct slot_time *
time_of(const struct store *st)
{
	return &st->slots->table->time;
}

/* The one before has died in a call. */
static void
note_crash(struct slot_time *t)
{
	int64_t called = t->calling;

	t->calling = 0;
	if (called == 0)
		return;
	t->crashes = t->crashed == called ? t->crashes + 1 : 1;
	t->crashed = called;
}

bool
timekeeper_lead(struct store *st)
{
	if (lock_take(st->lock_fd, LOCK_TIME, 0) == -1)
		return false;
	note_crash(time_of(st));
	time_of(st)->leader = slots_own(st->slots) + 1;
	return true;
}

void
timekeeper_resign(struct store *st)
{
	/* before the lock: after it, another one may have written its own slot there */
	time_of(st)->leader = 0;
	lock_give(st->lock_fd, LOCK_TIME);
	for (int i = 0; i < slots_high(st->slots); i++)
		if (i != slots_own(st->slots))
			wake_send(st->wake_fd, st->folder, i);
}

bool
timekeeper_is_absent(const struct store *st)
{
	return time_of(st)->leader == 0;
}

int64_t
timekeeper_due(const struct store *st)
{
	return time_of(st)->due_ms;
}

void
timekeeper_add(struct store *st, int64_t due_ms)
{
	int64_t known = time_of(st)->due_ms;
	int leader = time_of(st)->leader - 1;

	while (known > due_ms)
		if (atomic_compare_exchange_weak(&time_of(st)->due_ms, &known, due_ms)) {
			store_wake_slot(st, leader);
			return;
		}
}

void
timekeeper_set_due(struct store *st, int64_t due_ms)
{
	time_of(st)->due_ms = due_ms;
}

void
timekeeper_set_calling(struct store *st, int64_t key)
{
	struct slot_time *t = time_of(st);

	/* it came back from that call */
	if (key == 0 && t->calling == t->crashed)
		t->crashed = 0;
	t->calling = key;
}

int
timekeeper_crashes(const struct store *st, int64_t key)
{
	return time_of(st)->crashed == key ? time_of(st)->crashes : 0;
}

_Atomic int64_t *
timekeeper_tick(struct store *st, int tick)
{
	return &time_of(st)->ticks_ms[tick];
}

_Atomic int64_t *
timekeeper_request(struct store *st)
{
	return &time_of(st)->request_ms;
}
