#include "shared/store/hook_queue.h"

#include "shared/store/internal.h"
#include "shared/store/lock.h"

/* The oldest dead letters beyond either limit are dropped. */
#define DEAD_LETTERS_MAX      1000
#define DEAD_LETTER_BYTES_MAX (16 << 20)

int
hook_queue_add(struct store *st, struct hook_row *row)
{
	int leader = slots_hook_leader(st->slots);

	/* in the transaction of what it reports: neither is ever there without the other */
	if (statement_exec(st, Q_HOOK_ADD, "lssllls", row->key, row->ns, row->ack, row->time,
		row->created, (int64_t)row->body.n, row->body) == -1)
		return -1;
	row->id = sqlite3_last_insert_rowid(st->db);
	/* a rollback does not undo this, but the leader sets the true count every turn */
	slots_add_hook(st->slots, row->body.n);
	/* without a leader there is none to wake; every process tries to lead by the clock */
	if (leader >= 0 && leader != slots_own(st->slots))
		store_wake_slot(st, leader);
	return 0;
}

int
hook_queue_list(struct store *st, int64_t after,
    void (*each)(void *arg, const struct hook_entry *entry), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_HOOK_LIST, "l", after);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		each(arg, &(struct hook_entry){
			      .id = sqlite3_column_int64(q, 0),
			      .key = sqlite3_column_int64(q, 1),
			      .is_sync = sqlite3_column_int(q, 2) != 0,
			      .created = sqlite3_column_int64(q, 3),
			      .batch = sqlite3_column_int64(q, 4),
			      .attempts = sqlite3_column_int(q, 5),
			      .failed = sqlite3_column_int(q, 6),
			      .due = sqlite3_column_int64(q, 7),
			      .bytes = (size_t)sqlite3_column_int64(q, 8),
			  });
	return statement_finish(st, q, step);
}

enum store_result
hook_queue_read(
    struct store *st, int64_t id, void (*each)(void *arg, const struct hook_row *row), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_HOOK_READ, "l", id);
	int step = sqlite3_step(q);

	if (step == SQLITE_ROW)
		each(arg, &(struct hook_row){
			      .id = id,
			      .key = sqlite3_column_int64(q, 0),
			      .ns = statement_column(q, 1),
			      .ack = statement_column(q, 2),
			      .time = sqlite3_column_int64(q, 3),
			      .body = statement_column(q, 4),
			  });
	else if (step != SQLITE_DONE)
		statement_fail(st, "reading an event for the hook");
	sqlite3_reset(q);
	return step == SQLITE_ROW ? STORE_OK : step == SQLITE_DONE ? STORE_NOT_FOUND : STORE_FAILED;
}

int
hook_queue_count(struct store *st, int64_t key, int64_t *events, int64_t *bytes)
{
	sqlite3_stmt *q = statement_bind(st, Q_HOOK_COUNT, "l", key);
	int step = sqlite3_step(q);

	if (step == SQLITE_ROW) {
		*events = sqlite3_column_int64(q, 0);
		*bytes = sqlite3_column_int64(q, 1);
	} else {
		statement_fail(st, "counting events for the hook");
	}
	sqlite3_reset(q);
	return step == SQLITE_ROW ? 0 : -1;
}

void
hook_queue_drained(struct store *st)
{
	int high = slots_high(st->slots);

	for (int i = 0; i < high; i++)
		if (slots_slowed(st->slots, i) > 0)
			store_wake_slot(st, i);
}

int
hook_queue_done(struct store *st, int64_t id)
{
	return statement_exec(st, Q_HOOK_DONE, "l", id);
}

int
hook_queue_retry(struct store *st, int64_t id, const struct hook_retry *retry)
{
	return statement_exec(st, Q_HOOK_RETRY, "lliil", id, retry->batch, retry->attempts,
	    retry->failed, retry->due);
}

int
hook_queue_dead_letter(struct store *st, int64_t id, struct slice body, const char *error)
{
	if (statement_exec(st, Q_HOOK_DEAD_LETTER, "lsz", id, body, error) == -1 ||
	    statement_exec(
		st, Q_HOOK_TRIM_DEAD_LETTERS, "ii", DEAD_LETTERS_MAX, DEAD_LETTER_BYTES_MAX) == -1)
		return -1;
	/* after the copy, which reads the rest of the row */
	return hook_queue_done(st, id);
}

int
hook_queue_user(struct store *st, int64_t key, char **user)
{
	unsigned failures = st->failures;

	*user = statement_text(st, statement_bind(st, Q_HOOK_USER, "l", key));
	return st->failures == failures ? 0 : -1;
}

int
hook_queue_forget(struct store *st, int64_t key)
{
	/* the data first: the row of hook_ended says that its session has ended */
	if (statement_exec(st, Q_HOOK_FORGET_DATA, "l", key) == -1)
		return -1;
	return statement_exec(st, Q_HOOK_FORGET_ENDED, "l", key);
}

int
hook_queue_defer(struct store *st, int64_t key, struct slice actions)
{
	return statement_exec(st, Q_HOOK_DEFER, "ls", key, actions);
}

char *
hook_queue_take_deferred(struct store *st, int64_t key)
{
	return statement_text(st, statement_bind(st, Q_HOOK_TAKE_DEFERRED, "l", key));
}

bool
hook_queue_lead(struct store *st)
{
	if (lock_take(st->lock_fd, LOCK_HOOK, 0) == -1)
		return false;
	slots_set_hook_leader(st->slots, slots_own(st->slots));
	return true;
}

void
hook_queue_resign(struct store *st)
{
	/* before the lock: after it, another leader may have written its own slot there */
	slots_set_hook_leader(st->slots, -1);
	lock_give(st->lock_fd, LOCK_HOOK);
}
