/* Opening the store, and its transactions with the wake-ups that follow them. */
#include "shared/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/account.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/store/action_queue.h"
#include "shared/store/counters.h"
#include "shared/store/database.h"
#include "shared/store/folder.h"
#include "shared/store/health.h"
#include "shared/store/internal.h"
#include "shared/store/lock.h"
#include "shared/store/lock_waiter.h"
#include "shared/store/opening.h"
#include "shared/store/takeover.h"
#include "shared/store/wake.h"

#define LOCK_TIMEOUT_MS 5000 /* a process that holds a lock for longer is stuck */
#define MOMENT_MS       10   /* a lock of our own is held for less, nearly always */

/* On a full disk a smaller database is not replaced: a new one takes nearly half of this. */
#define WORTH_BYTES (512 << 10)

/* --- the writer's lock ---------------------------------------------------------------------- */

static void
give_writer(struct store *st)
{
	st->has_lock = false;
	lock_give(st->lock_fd, LOCK_WRITER);
}

/* It was not free, and is waited for from now on. */
static void
begin_wait(struct store *st)
{
	if (st->wanted_us != 0)
		return;
	st->wanted_us = clock_us();
	counters_count(st->slots, COUNT_LOCK_WAITS);
}

/* It is ours, or not waited for any more. */
static void
end_wait(struct store *st)
{
	if (st->wanted_us != 0)
		counters_add(
		    st->slots, COUNT_LOCK_WAITED_US, (uint64_t)(clock_us() - st->wanted_us));
	st->wanted_us = 0;
}

/* Want no lock any more. */
static void
stop_waiting(struct store *st)
{
	if (st->slots != NULL)
		end_wait(st);
	lock_waiter_end(st->waiter);
	/* the thread may just have got it */
	if (st->waiter != NULL || st->has_lock)
		give_writer(st);
	st->waiter = NULL;
}

/* --- opening -------------------------------------------------------------------------------- */

static struct store *
make_store(const char *folder, const char *group, int kind, bool must_exist)
{
	struct store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->lock_fd = st->wake_fd = -1;
	st->kind = kind;
	st->must_exist = must_exist;
	snprintf(st->folder, sizeof(st->folder), "%s", folder);
	snprintf(st->path, sizeof(st->path), "%s/pollux.db", st->folder);
	snprintf(st->group, sizeof(st->group), "%s", group);
	return st;
}

struct store *
store_open(const char *folder, const char *group, int kind, bool must_exist)
{
	struct store *st = make_store(folder, group, kind, must_exist);
	int reason;

	if (st == NULL)
		return NULL;
	st->starts = true;
	if (opening_run(st, true) == 0) {
		st->starts = false;
		return st;
	}
	reason = st->outdated                                 ? EPROTONOSUPPORT
	         : !must_exist && folder_is_read_only(folder) ? EROFS
	                                                      : EIO;
	store_close(st);
	errno = reason;
	return NULL;
}

bool
store_can_join(const char *folder)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/slots", folder);
	return takeover_peek(path, slots_version(database_schema())) == TAKEOVER_READY;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	action_queue_close(st);
	if (st->db != NULL) {
		store_rollback(st);
		database_close(st);
	}
	stop_waiting(st);
	/* the socket bears the slot's number, so it goes before the slot can be taken again */
	if (st->wake_fd != -1)
		wake_close(st->wake_fd, st->folder, slots_own(st->slots), st->wake_id);
	slots_close(st->slots);
	/* last: this releases every lock, and slots_close() still needs the descriptor */
	if (st->lock_fd != -1)
		close(st->lock_fd);
	free(st);
}

/* --- once a second -------------------------------------------------------------------------- */

bool
store_epoch_passed(const struct store *st)
{
	return slots_epoch(st->slots) != st->epoch;
}

/* Whether what we have open is what is there. */
static bool
files_are_ours(const struct store *st)
{
	return st->db != NULL && database_is_there(st) && opening_folder_is_there(st);
}

bool
store_was_replaced(struct store *st)
{
	/* the epoch tells of a replacement by one of ours; the inodes of files deleted by hand */
	return store_epoch_passed(st) || !files_are_ours(st);
}

bool
store_is_the_same(const struct store *st)
{
	return st->health.fault == HEALTH_GOOD && files_are_ours(st);
}

/* Whether a small write fails, too: a single large one that had no room is no reason to give up
 * all.  `fault` is what the others failed of. */
static bool
still_fails(struct store *st, enum health_fault fault, int64_t now_ms)
{
	st->health.fault = HEALTH_GOOD;
	if (store_try(st) == STORE_OK && statement_exec(st, Q_PROBE, "l", now_ms) == 0 &&
	    store_commit(st) == 0)
		return false;
	store_rollback(st);
	if (st->health.fault >= HEALTH_FULL)
		return true;
	/* another process has the writer's lock: ask again at the next tick */
	st->health.fault = fault;
	return false;
}

bool
store_is_damaged(struct store *st, int64_t now_ms)
{
	enum health_fault fault = health_tick(st, now_ms);

	if (fault == HEALTH_GOOD || fault == HEALTH_DAMAGED)
		return fault == HEALTH_DAMAGED;
	/* a disk that is full of other things: those who need no store can go on */
	if (fault == HEALTH_FULL && database_bytes(st) < WORTH_BYTES)
		return false;
	return still_fails(st, fault, now_ms);
}

bool
store_is_outdated(const struct store *st)
{
	return st->outdated || slots_wanted(st->slots);
}

bool
store_reopens_soon(const struct store *st)
{
	return st->reopen_tries > 0 && st->reopen_tries < STORE_REOPEN_TRIES;
}

static int
reopen_database(struct store *st)
{
	bool useless;
	int result;

	/* of the processes that notice at the same time, one creates the new database */
	if (opening_lock(st, false) == -1)
		return -1;
	/* another one, or a new one: then it is not the one that failed */
	useless = st->health.fault >= HEALTH_FULL && st->epoch == slots_epoch(st->slots) &&
	          database_is_there(st);
	database_close(st);
	result = opening_database(st, useless);
	lock_give(st->lock_fd, LOCK_INIT);
	return result;
}

/* Open what is there now, and exchange it for what was open. */
static int
reopen_folder(struct store *st)
{
	struct store *fresh = make_store(st->folder, st->group, st->kind, st->must_exist), old;

	/* first: whoever asks meanwhile must not get answers from a database of ours alone */
	database_close(st);
	if (fresh == NULL)
		return -1;
	fresh->patience_ms = st->patience_ms;
	fresh->complained = st->complained;
	fresh->reopen_tries = st->reopen_tries;
	memcpy(fresh->watch_numbers, st->watch_numbers, sizeof(st->watch_numbers));
	if (opening_run(fresh, false) == -1) {
		st->patience_ms = fresh->patience_ms;
		st->outdated = fresh->outdated;
		st->reopen_tries = fresh->reopen_tries;
		store_close(fresh);
		return -1;
	}
	old = *st;
	*st = *fresh;
	*fresh = old;
	store_close(fresh);
	return 0;
}

int
store_reopen(struct store *st)
{
	store_rollback(st);
	stop_waiting(st);
	/* then no other process need be waited for */
	if (store_is_the_same(st)) {
		st->epoch = slots_epoch(st->slots);
		return 0;
	}
	if ((opening_folder_is_there(st) ? reopen_database(st) : reopen_folder(st)) == -1) {
		/* said once: it is tried again every second */
		st->complained = st->complained || !store_reopens_soon(st);
		return -1;
	}
	if (st->complained)
		log_warnx("store %s: works again", st->folder);
	st->complained = false;
	return 0;
}

const char *
store_epoch(const struct store *st)
{
	return st->database_epoch;
}

struct slots *
store_slots(struct store *st)
{
	return st->slots;
}

int
store_wake_fd(const struct store *st)
{
	return st->wake_fd;
}

void
store_empty_wake_fd(struct store *st)
{
	wake_empty(st->wake_fd);
}

/* --- transactions --------------------------------------------------------------------------- */

/* In the thread of the waiter: wake the loop, as another process would. */
static void
wake_own_loop(void *arg)
{
	struct store *st = arg;

	wake_send(st->wake_fd, st->folder, slots_own(st->slots));
}

/* Take the writer's lock, waiting at most `timeout_ms`; `in_thread`: then go on waiting in a
 * thread.  False: it is not ours yet. */
static bool
take_writer(struct store *st, int timeout_ms, bool in_thread)
{
	if (st->waiter != NULL) {
		if (!lock_waiter_has_it(st->waiter, timeout_ms))
			return false;
		lock_waiter_end(st->waiter);
		st->waiter = NULL;
		st->has_lock = true;
	}
	if (!st->has_lock)
		st->has_lock = lock_take(st->lock_fd, LOCK_WRITER, 0) == 0;
	if (!st->has_lock) {
		begin_wait(st);
		st->has_lock =
		    timeout_ms > 0 && lock_take(st->lock_fd, LOCK_WRITER, timeout_ms) == 0;
	}
	if (!st->has_lock && in_thread)
		st->waiter = lock_waiter_start(st->lock_fd, LOCK_WRITER, wake_own_loop, st);
	/* who waits no longer than this has waited, too */
	if (st->has_lock || !in_thread)
		end_wait(st);
	return st->has_lock;
}

/* Begin the transaction under the writer's lock.  STORE_TAKEN: a program without it has SQLite's
 * lock, and we keep ours: the other processes can do nothing either, and need not try. */
static enum store_result
begin_under_lock(struct store *st, int timeout_ms)
{
	int step;

	sqlite3_busy_timeout(st->db, timeout_ms);
	step = sqlite3_step(st->q[Q_BEGIN]);
	sqlite3_busy_timeout(st->db, MOMENT_MS);
	if ((step & 0xff) == SQLITE_BUSY) {
		sqlite3_reset(st->q[Q_BEGIN]);
		return STORE_TAKEN;
	}
	if (statement_finish(st, st->q[Q_BEGIN], step) == -1) {
		give_writer(st);
		return STORE_FAILED;
	}
	st->in_transaction = true;
	st->failed_before = st->failures;
	st->changes = sqlite3_total_changes(st->db);
	memset(st->wake_slots, 0, sizeof(st->wake_slots));
	st->wakes_slots = st->ends_requested = false;
	st->wake_chans_n = 0;
	return STORE_OK;
}

int
store_begin(struct store *st, int timeout_ms)
{
	enum store_result begun;

	if (st->in_transaction)
		return 0;
	if (st->db == NULL)
		return -1;
	/* our own lock first: its waiters queue in the kernel, where SQLite's would sleep and poll,
	 * and some would starve */
	begun = take_writer(st, timeout_ms, false) ? begin_under_lock(st, timeout_ms) : STORE_TAKEN;
	if (begun == STORE_TAKEN) {
		log_errx(
		    "store %s: another program has held a lock for %d ms", st->path, timeout_ms);
		if (st->has_lock)
			give_writer(st);
	}
	return begun == STORE_OK ? 0 : -1;
}

enum store_result
store_try(struct store *st)
{
	bool again = st->waiter != NULL || st->has_lock;

	if (st->in_transaction)
		return STORE_OK;
	if (st->db == NULL)
		return STORE_FAILED;
	/* the moment is for our own processes, which hold it for less; nobody waits it twice */
	if (!take_writer(st, again ? 0 : MOMENT_MS, true))
		return STORE_TAKEN;
	return begin_under_lock(st, again ? 0 : MOMENT_MS);
}

bool
store_must_poll(const struct store *st)
{
	return st->waiter == NULL && !st->in_transaction; /* or no thread could be started */
}

bool
store_is_waiting(const struct store *st)
{
	return st->waiter != NULL || (st->has_lock && !st->in_transaction);
}

unsigned
store_failures(const struct store *st)
{
	return st->failures;
}

bool
store_in_transaction(const struct store *st)
{
	return st->in_transaction;
}

void
store_rollback(struct store *st)
{
	if (!st->in_transaction)
		return;
	/* after some errors, a full disk for one, SQLite has rolled back by itself */
	if (!sqlite3_get_autocommit(st->db))
		statement_run(st, st->q[Q_ROLLBACK]);
	st->in_transaction = false;
	give_writer(st);
}

static bool
listens_to_wake_chans(const struct store *st, int slot)
{
	if (st->wake_chans_n > STORE_WAKE_CHANS)
		return true;
	for (unsigned i = 0; i < st->wake_chans_n; i++)
		if (slots_listens(st->slots, slot, st->wake_chans[i]))
			return true;
	return false;
}

static void
send_wake_ups(struct store *st)
{
	int own = slots_own(st->slots);
	int high = slots_high(st->slots);

	if (!st->wakes_slots && st->wake_chans_n == 0)
		return;
	for (int i = 0; i < high; i++)
		if (i != own &&
		    ((st->wake_slots[i / 8] >> (i % 8) & 1) != 0 || listens_to_wake_chans(st, i)))
			wake_send(st->wake_fd, st->folder, i);
}

int
store_commit(struct store *st)
{
	if (!st->in_transaction)
		return 0;
	/* a failed read looks like an empty result; what was written after it may be wrong */
	if (st->failures != st->failed_before || statement_run(st, st->q[Q_COMMIT]) == -1) {
		store_rollback(st);
		return -1;
	}
	if (sqlite3_total_changes(st->db) != st->changes)
		health_note_written(st);
	counters_count(st->slots, COUNT_COMMITS);
	/* the lock before the wake-ups: those woken may want to write */
	st->in_transaction = false;
	give_writer(st);
	/* the flag before the wake-ups too: it is what the process woken looks at */
	if (st->ends_requested)
		slots_set_end_requested(st->slots, true);
	/* not before the commit: a process reads the log once per wake-up, and must see the rows */
	send_wake_ups(st);
	return 0;
}

void
store_wake_slot(struct store *st, int slot)
{
	if (slot < 0 || slot >= SLOTS_MAX || slot == slots_own(st->slots))
		return;
	st->wake_slots[slot / 8] = (unsigned char)(st->wake_slots[slot / 8] | 1u << (slot % 8));
	st->wakes_slots = true;
}

void
store_wake_all(struct store *st)
{
	for (int i = 0; i < slots_high(st->slots); i++)
		store_wake_slot(st, i);
}

void
store_wake_listeners(struct store *st, int64_t chan)
{
	for (unsigned i = 0; i < st->wake_chans_n && i < STORE_WAKE_CHANS; i++)
		if (st->wake_chans[i] == chan)
			return;
	if (st->wake_chans_n < STORE_WAKE_CHANS)
		st->wake_chans[st->wake_chans_n] = chan;
	/* one past the array says that it did not fit */
	if (st->wake_chans_n <= STORE_WAKE_CHANS)
		st->wake_chans_n++;
}
