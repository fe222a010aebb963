#include "shared/store/hook_listing.h"

#include "shared/store/hook_queue.h"
#include "shared/store/internal.h"
#include "shared/store/slots.h"

static void
tell_listed(sqlite3_stmt *q, hook_listing_each_event *each, void *arg)
{
	each(arg, &(struct hook_listed){
		      .is_dead = sqlite3_column_int(q, 0) != 0,
		      .id = sqlite3_column_int64(q, 1),
		      .key = sqlite3_column_int64(q, 2),
		      .ns = statement_column(q, 3),
		      .ack = statement_column(q, 4),
		      .time = sqlite3_column_int64(q, 5),
		      .body = statement_column(q, 6),
		      .error = statement_column(q, 7),
		      .attempts = sqlite3_column_int(q, 8),
		      .due = sqlite3_column_int64(q, 9),
		  });
}

int
hook_listing_each(struct store *st, bool is_dead, int64_t after, int limit,
    hook_listing_each_event *each, void *arg)
{
	sqlite3_stmt *q =
	    statement_bind(st, is_dead ? Q_HOOK_LIST_DEAD : Q_HOOK_LIST_QUEUED, "li", after, limit);
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW)
		tell_listed(q, each, arg);
	return statement_finish(st, q, step);
}

enum store_result
hook_listing_read(struct store *st, int64_t id, hook_listing_each_event *each, void *arg)
{
	static const enum query queries[] = {Q_HOOK_LIST_DEAD, Q_HOOK_LIST_QUEUED};

	for (size_t i = 0; i < 2; i++) {
		sqlite3_stmt *q = statement_bind(st, queries[i], "li", id - 1, 1);
		int step = sqlite3_step(q);
		bool found = step == SQLITE_ROW && sqlite3_column_int64(q, 1) == id;

		if (found)
			tell_listed(q, each, arg);
		else if (step != SQLITE_ROW && step != SQLITE_DONE)
			statement_fail(st, "reading an event for the hook");
		sqlite3_reset(q);
		if (found)
			return STORE_OK;
		if (step != SQLITE_ROW && step != SQLITE_DONE)
			return STORE_FAILED;
	}
	return STORE_NOT_FOUND;
}

int
hook_listing_drop(struct store *st, int64_t id, int64_t key)
{
	if (statement_exec(st, Q_HOOK_DROP_DEAD, "l", id) == -1 || hook_queue_done(st, id) == -1)
		return -1;
	return hook_queue_forget(st, key);
}

int
hook_listing_revive(struct store *st, const struct hook_listed *event, struct slice body,
    int64_t now_ms, int64_t *new_id)
{
	struct hook_row row = {.key = event->key,
	    .ns = event->ns,
	    .ack = event->ack,
	    .time = event->time,
	    .created = now_ms,
	    .body = body};

	if (hook_queue_add(st, &row) == -1)
		return -1;
	*new_id = row.id;
	return statement_exec(st, Q_HOOK_DROP_DEAD, "l", event->id);
}

int
hook_listing_hurry(struct store *st)
{
	return statement_exec(st, Q_HOOK_HURRY, "");
}

void
hook_listing_changed(struct store *st)
{
	slots_ask_hook_again(st->slots);
	hook_queue_drained(st);
}
