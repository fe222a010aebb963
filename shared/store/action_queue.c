#include "shared/store/action_queue.h"

#include <stdlib.h>

#include "shared/store/action_file.h"
#include "shared/store/internal.h"
#include "shared/store/lock.h"

struct action_queue {
	struct action_file file;
	int64_t seen;   /* the version at the last look; -1: none */
	bool undeleted; /* rows of this range are done and not deleted: */
	int64_t first, last;
	bool noted; /* in the transaction that is open, this range: */
	int64_t noted_first, noted_last;
};

/* The note of the last leader: what is done of this file, and may not be deleted. */
static int
read_note(struct store *st)
{
	struct action_queue *q = st->actions;
	sqlite3_stmt *note = statement_bind(st, Q_ACTION_NOTED, "z", q->file.identity);
	int step = sqlite3_step(note);

	q->undeleted = step == SQLITE_ROW;
	if (q->undeleted) {
		q->first = sqlite3_column_int64(note, 0);
		q->last = sqlite3_column_int64(note, 1);
		step = sqlite3_step(note);
	}
	return statement_finish(st, note, step);
}

/* Delete what is done, unless the file is locked. */
static void
delete_done(struct store *st)
{
	struct action_queue *q = st->actions;

	if (!q->undeleted)
		return;
	sqlite3_bind_int64(q->file.delete, 1, q->first);
	sqlite3_bind_int64(q->file.delete, 2, q->last);
	if (sqlite3_step(q->file.delete) == SQLITE_DONE)
		q->undeleted = false;
	else
		action_file_failed(&q->file);
	sqlite3_reset(q->file.delete);
}

/* Open the file, and read what is done of it. */
static int
open_actions(struct store *st)
{
	struct action_queue *q = st->actions;

	if (action_file_open(&q->file) == -1)
		return -1;
	q->seen = -1;
	if (read_note(st) == 0)
		return 0;
	action_file_close(&q->file);
	return -1;
}

bool
action_queue_lead(struct store *st)
{
	struct action_queue *q = st->actions;

	if (st->db == NULL) /* there is none for the moment, and so no note */
		return false;
	/* again each time: the lock file may have been replaced */
	if (lock_take(st->lock_fd, LOCK_ACTIONS, 0) == -1) {
		action_queue_close(st);
		return false;
	}
	if (q == NULL) {
		q = st->actions = calloc(1, sizeof(*q));
		if (q == NULL)
			return false;
		q->file.folder = st->folder;
	}
	q->file.lock_fd = st->lock_fd;
	if (q->file.db != NULL && (q->file.damaged || !action_file_is_there(&q->file)))
		action_file_close(&q->file);
	if (q->file.db == NULL && open_actions(st) == -1)
		return false;
	delete_done(st);
	return true;
}

void
action_queue_close(struct store *st)
{
	if (st->actions == NULL)
		return;
	action_file_close(&st->actions->file);
	free(st->actions);
	st->actions = NULL;
}

/* --- rows ----------------------------------------------------------------------------------- */

bool
action_queue_has_changed(struct store *st)
{
	struct action_queue *q = st->actions;
	int64_t version = -1;

	if (sqlite3_step(q->file.version) == SQLITE_ROW)
		version = sqlite3_column_int64(q->file.version, 0);
	else
		action_file_failed(&q->file);
	sqlite3_reset(q->file.version);
	/* taken before the rows are read: what is committed meanwhile changes it again */
	if (version == -1 || version == q->seen)
		return false;
	q->seen = version;
	return true;
}

void
action_queue_look_again(struct store *st)
{
	if (st->actions != NULL)
		st->actions->seen = -1;
}

int
action_queue_list(struct store *st, int max, size_t max_bytes,
    void (*each)(void *arg, int64_t id, struct slice json), void *arg)
{
	struct action_queue *q = st->actions;
	size_t bytes = 0;
	int n = 0, step = SQLITE_DONE;

	q->noted = false; /* of a transaction that was rolled back */
	sqlite3_bind_int(q->file.list, 1, max);
	/* nothing lies between 0 and -1 */
	sqlite3_bind_int64(q->file.list, 2, q->undeleted ? q->first : 0);
	sqlite3_bind_int64(q->file.list, 3, q->undeleted ? q->last : -1);
	/* stopping early is allowed: the rows left stay in the table for the next turn */
	while (bytes < max_bytes && (step = sqlite3_step(q->file.list)) == SQLITE_ROW) {
		struct slice json = statement_column(q->file.list, 1);

		each(arg, sqlite3_column_int64(q->file.list, 0), json);
		bytes += json.n;
		n++;
	}
	if (step != SQLITE_ROW && step != SQLITE_DONE) {
		action_file_failed(&q->file);
		q->seen = -1;
	}
	sqlite3_reset(q->file.list);
	return n;
}

int
action_queue_note(struct store *st, int64_t first, int64_t last)
{
	struct action_queue *q = st->actions;

	/* together with those that could not be deleted yet */
	if (q->undeleted && q->first < first)
		first = q->first;
	if (q->undeleted && q->last > last)
		last = q->last;
	q->noted = true;
	q->noted_first = first;
	q->noted_last = last;
	return statement_exec(st, Q_ACTION_NOTE, "zll", q->file.identity, first, last);
}

void
action_queue_settled(struct store *st)
{
	struct action_queue *q = st->actions;

	if (q == NULL || !q->noted)
		return;
	q->noted = false;
	q->undeleted = true;
	q->first = q->noted_first;
	q->last = q->noted_last;
	delete_done(st);
}
