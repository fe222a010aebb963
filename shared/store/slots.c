#include "shared/store/slots.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/base/shm.h"
#include "shared/store/lock.h"
#include "shared/store/slots_table.h"
#include "shared/store/watch.h"

_Static_assert(sizeof(POLLUX_VERSION) <= SLOTS_VERSION_SIZE, "the version fits into a slot");

static int
take_free_slot(const struct slots *sl)
{
	for (int i = 0; i < SLOTS_MAX; i++)
		if (lock_take(sl->lock_fd, LOCK_SLOT + i, 0) == 0)
			return i;
	errno = EUSERS;
	return -1;
}

uint64_t
slots_version(int schema)
{
	/* of two tables of one schema the larger is the newer: fields are only ever added */
	return (uint64_t)schema << 32 | sizeof(struct slot_table);
}

struct slots *
slots_open(const char *path, int lock_fd, int kind, int schema, mode_t mode)
{
	static const struct filter none;
	struct slots *sl = calloc(1, sizeof(*sl));
	struct slot *slot;

	if (sl == NULL)
		return NULL;
	sl->lock_fd = lock_fd;
	sl->version = slots_version(schema);
	sl->table = shm_map(path, sizeof(*sl->table), mode);
	if (sl->table == NULL)
		goto fail;
	/* made just now, or made by us before */
	memcpy(sl->table->head.magic, TAKEOVER_MAGIC, sizeof(sl->table->head.magic));
	sl->table->head.version = sl->version;
	sl->own = take_free_slot(sl);
	if (sl->own == -1)
		goto fail;
	/* the slot may have been another process's, which died and cleaned up nothing */
	slot = &sl->table->slots[sl->own];
	filter_replace(&slot->filter, &none);
	memset(slot->version, 0, sizeof(slot->version));
	memcpy(slot->version, POLLUX_VERSION, sizeof(POLLUX_VERSION));
	slot->kind = kind;
	slot->pid = getpid();
	slot->held = 0;
	slot->received = slot->sent = 0;
	slot->slowed = 0;
	slot->head = INT64_MAX; /* needs no row of the log yet */
	slots_forget_watcher(sl, sl->own);
	/* last: from now on others look at this slot */
	if (sl->table->high <= sl->own)
		sl->table->high = sl->own + 1;
	return sl;
fail:
	if (sl->table != NULL)
		munmap(sl->table, sizeof(*sl->table));
	free(sl);
	return NULL;
}

void
slots_close(struct slots *sl)
{
	if (sl == NULL)
		return;
	slots_forget_watcher(sl, sl->own);
	sl->table->slots[sl->own].kind = 0;
	sl->table->slots[sl->own].slowed = 0; /* or it would be woken for ever */
	/* after the clean-up, which would otherwise hit the next process in this slot */
	lock_give(sl->lock_fd, LOCK_SLOT + sl->own);
	munmap(sl->table, sizeof(*sl->table));
	free(sl);
}

int
slots_own(const struct slots *sl)
{
	return sl->own;
}

bool
slots_alive(const struct slots *sl, int slot)
{
	/* the kernel reports only conflicts, and our own lock is not one */
	return slot == sl->own ||
	       (slot >= 0 && slot < SLOTS_MAX && lock_is_held(sl->lock_fd, LOCK_SLOT + slot));
}

bool
slots_any_of_kind(const struct slots *sl, int kind)
{
	for (int i = 0; i < slots_high(sl); i++)
		if (sl->table->slots[i].kind == kind && slots_alive(sl, i))
			return true;
	return false;
}

int
slots_high(const struct slots *sl)
{
	return sl->table->high;
}

struct filter *
slots_filter(struct slots *sl, int slot)
{
	return &sl->table->slots[slot].filter;
}

struct filter_wide *
slots_kept(struct slots *sl)
{
	return &sl->table->kept;
}

struct filter *
slots_waiting(struct slots *sl)
{
	return &sl->table->waiting;
}

bool
slots_listens(const struct slots *sl, int slot, int64_t chan)
{
	return filter_has(&sl->table->slots[slot].filter, chan);
}

bool
slots_others_listen(const struct slots *sl, int64_t chan)
{
	int high = slots_high(sl);

	/* dead processes count too: asking the kernel about each slot would cost more than a
	 * wake-up for nothing */
	if (filter_has(&sl->table->waiting, chan))
		return true;
	for (int i = 0; i < high; i++)
		if (i != sl->own && slots_listens(sl, i, chan))
			return true;
	return false;
}

void
slots_set_head(struct slots *sl, int64_t head)
{
	sl->table->slots[sl->own].head = head;
}

int64_t
slots_lowest_head(const struct slots *sl)
{
	int64_t lowest = INT64_MAX;

	for (int i = 0; i < slots_high(sl); i++)
		/* kind 0: released, or a process of an older version that has another table */
		if (sl->table->slots[i].kind != 0 && sl->table->slots[i].head < lowest &&
		    slots_alive(sl, i))
			lowest = sl->table->slots[i].head;
	return lowest;
}

void
slots_set_end_requested(struct slots *sl, bool asked)
{
	sl->table->asked = asked;
}

bool
slots_end_requested(const struct slots *sl)
{
	return atomic_load_explicit(&sl->table->asked, memory_order_relaxed);
}

void
slots_set_info(struct slots *sl, const struct slot_info *info)
{
	struct slot *slot = &sl->table->slots[sl->own];

	atomic_store_explicit(&slot->held, info->held, memory_order_relaxed);
	atomic_store_explicit(&slot->received, info->received, memory_order_relaxed);
	atomic_store_explicit(&slot->sent, info->sent, memory_order_relaxed);
}

bool
slots_info(const struct slots *sl, int slot, struct slot_info *info)
{
	const struct slot *of = &sl->table->slots[slot];

	/* 0: released; a process that was killed leaves its kind there, so ask the kernel too */
	if (of->kind == 0 || !slots_alive(sl, slot))
		return false;
	*info = (struct slot_info){
	    .kind = of->kind,
	    .pid = of->pid,
	    .held = of->held,
	    .received = of->received,
	    .sent = of->sent,
	};
	memcpy(info->version, of->version, sizeof(info->version) - 1);
	return true;
}

/* --- the status page ------------------------------------------------------------------------ */

int64_t
slots_status_until(const struct slots *sl)
{
	return atomic_load_explicit(&sl->table->status_until, memory_order_relaxed);
}

void
slots_set_status_until(struct slots *sl, int64_t until_ms)
{
	atomic_store_explicit(&sl->table->status_until, until_ms, memory_order_relaxed);
}

int64_t
slots_status_due(const struct slots *sl)
{
	return atomic_load_explicit(&sl->table->status_due, memory_order_relaxed);
}

bool
slots_status_claim(struct slots *sl, int64_t due, int64_t next)
{
	return atomic_compare_exchange_strong(&sl->table->status_due, &due, next);
}

/* --- watchers ------------------------------------------------------------------------------- */

const _Atomic int *
slots_watcher_count(const struct slots *sl)
{
	return &sl->table->watching;
}

int
slots_watcher(const struct slots *sl, int i, struct watch_wish *wish)
{
	*wish = (struct watch_wish){.whose = (enum watch_whose)sl->table->watchers[i].whose,
	    .id = sl->table->watchers[i].id,
	    .has_own = sl->table->watchers[i].has_own};
	return sl->table->watchers[i].slot - 1;
}

int
slots_watch(struct slots *sl, const struct watch_wish *wish)
{
	for (int i = 0; i < WATCHERS_MAX; i++) {
		int free = 0;

		/* two may start at once, and no lock is held */
		if (!atomic_compare_exchange_strong(
			&sl->table->watchers[i].slot, &free, sl->own + 1))
			continue;
		sl->table->watchers[i].whose = (int)wish->whose;
		sl->table->watchers[i].id = wish->id;
		sl->table->watchers[i].has_own = wish->has_own;
		/* last: from now on every process looks at the watchers for each packet */
		sl->table->watching++;
		return 0;
	}
	return -1;
}

void
slots_forget_watcher(struct slots *sl, int slot)
{
	for (int i = 0; i < WATCHERS_MAX; i++) {
		int taken = slot + 1;

		/* several senders may find it dead at once; one of them may count down */
		if (atomic_compare_exchange_strong(&sl->table->watchers[i].slot, &taken, 0))
			sl->table->watching--;
	}
}

/* --- counters of all processes -------------------------------------------------------------- */

uint32_t
slots_epoch(const struct slots *sl)
{
	return sl->table->epoch;
}

void
slots_bump_epoch(struct slots *sl)
{
	sl->table->epoch++;
}

bool
slots_wanted(const struct slots *sl)
{
	return atomic_load_explicit(&sl->table->head.wanted, memory_order_relaxed) > sl->version;
}

bool
slots_alone(const struct slots *sl)
{
	return !lock_any_is_held(sl->lock_fd, LOCK_SLOT, SLOTS_MAX);
}

int64_t
slots_chores_due(const struct slots *sl)
{
	return sl->table->chores_due;
}

void
slots_set_chores_due(struct slots *sl, int64_t due_ms)
{
	sl->table->chores_due = due_ms;
}

bool
slots_mailbox_empty(const struct slots *sl)
{
	return sl->table->mailbox_empty;
}

void
slots_set_mailbox_empty(struct slots *sl, bool empty)
{
	sl->table->mailbox_empty = empty;
}

int64_t
slots_rebuilt(const struct slots *sl)
{
	return sl->table->rebuilt_ms;
}

void
slots_set_rebuilt(struct slots *sl, int64_t now_ms)
{
	sl->table->rebuilt_ms = now_ms;
}

int64_t
slots_sessions(const struct slots *sl)
{
	return sl->table->sessions;
}

void
slots_set_sessions(struct slots *sl, int64_t n)
{
	sl->table->sessions = n;
}

void
slots_add_session(struct slots *sl)
{
	sl->table->sessions++;
}

unsigned
slots_drain(const struct slots *sl)
{
	return sl->table->drain.rate;
}

void
slots_set_drain(struct slots *sl, unsigned rate)
{
	if (sl->table->drain.rate == 0) {
		sl->table->drain.ended = 0;
		sl->table->drain.said = DRAIN_SAID_NOTHING;
	}
	sl->table->drain.due_ms = 0;
	sl->table->drain.rate = rate;
}

int64_t
slots_drain_due(const struct slots *sl)
{
	return sl->table->drain.due_ms;
}

void
slots_set_drain_due(struct slots *sl, int64_t due_ms)
{
	sl->table->drain.due_ms = due_ms;
}

enum drain_said
slots_drain_said(const struct slots *sl)
{
	return (enum drain_said)sl->table->drain.said;
}

bool
slots_drain_say(struct slots *sl, enum drain_said from, enum drain_said to)
{
	int seen = (int)from;

	return atomic_compare_exchange_strong(&sl->table->drain.said, &seen, (int)to);
}

uint64_t
slots_drained(const struct slots *sl)
{
	return sl->table->drain.ended;
}

void
slots_add_drained(struct slots *sl, unsigned n)
{
	sl->table->drain.ended += n;
}

int64_t
slots_hook_events(const struct slots *sl)
{
	return sl->table->hook_events;
}

int64_t
slots_hook_bytes(const struct slots *sl)
{
	return sl->table->hook_bytes;
}

void
slots_set_hook(struct slots *sl, int64_t events, int64_t bytes)
{
	sl->table->hook_events = events;
	sl->table->hook_bytes = bytes;
}

void
slots_add_hook(struct slots *sl, size_t bytes)
{
	sl->table->hook_events++;
	sl->table->hook_bytes += (int64_t)bytes;
}

int
slots_hook_leader(const struct slots *sl)
{
	return sl->table->hook_leader - 1;
}

void
slots_set_hook_leader(struct slots *sl, int slot)
{
	sl->table->hook_leader = slot + 1;
}

enum slots_hook_state
slots_hook_state(const struct slots *sl)
{
	return (enum slots_hook_state)atomic_load_explicit(
	    &sl->table->hook_state, memory_order_relaxed);
}

void
slots_set_hook_state(struct slots *sl, enum slots_hook_state state)
{
	atomic_store_explicit(&sl->table->hook_state, (int)state, memory_order_relaxed);
}

void
slots_ask_hook_again(struct slots *sl)
{
	sl->table->hook_again++;
}

unsigned
slots_hook_again(const struct slots *sl)
{
	return sl->table->hook_again;
}

void
slots_set_slowed(struct slots *sl, unsigned n)
{
	struct slot *slot = &sl->table->slots[sl->own];

	/* read first: a line of memory that all processes read is not written in every turn */
	if (slot->slowed != n)
		slot->slowed = n;
}

unsigned
slots_slowed(const struct slots *sl, int slot)
{
	return sl->table->slots[slot].slowed;
}
