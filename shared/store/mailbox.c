#include "shared/store/mailbox.h"

#include "shared/store/internal.h"
#include "shared/store/slots.h"

#define EXPIRE_ROWS 1000 /* at a time */

int
mailbox_total(struct store *st, int64_t *messages, int64_t *bytes)
{
	sqlite3_stmt *q = st->q[Q_MAILBOX_TOTAL];
	int step = sqlite3_step(q);

	if (step != SQLITE_ROW)
		return statement_finish(st, q, step) == -1 ? -1
		                                           : statement_fail(st, "mailbox_total");
	*messages = sqlite3_column_int64(q, 0);
	*bytes = sqlite3_column_int64(q, 1);
	sqlite3_reset(q);
	return 0;
}

static int
is_there(struct store *st, int64_t uid)
{
	int64_t is;

	if (statement_number(st, statement_bind(st, Q_MAILBOX_HAS, "l", uid), 0, &is) == -1)
		return -1;
	return is != 0;
}

/* Delete the oldest of the user until all users together are within the limit. */
static int
trim_total(struct store *st, struct slice user, int64_t most, int64_t *dropped)
{
	int64_t messages, bytes;

	for (;;) {
		if (mailbox_total(st, &messages, &bytes) == -1)
			return -1;
		if (bytes <= most)
			return 0;
		if (statement_exec(st, Q_MAILBOX_TRIM_ONE, "s", user) == -1)
			return -1;
		if (sqlite3_changes(st->db) == 0)
			return 0;
		++*dropped;
	}
}

int
mailbox_add(struct store *st, struct mailbox_mail *mail, const struct mailbox_limits *limits,
    bool *kept, int64_t *dropped)
{
	int64_t bytes = (int64_t)(mail->packet.n + mail->user.n + mail->ns.n) + MAILBOX_ROW_BYTES;
	sqlite3_stmt *q;
	int step, there;

	*kept = false;
	*dropped = 0;
	/* it would cost the user all others, and not be kept */
	if (bytes > limits->bytes || bytes > limits->total_bytes || limits->messages == 0)
		return 0;
	slots_set_mailbox_empty(st->slots, false);
	q = statement_bind(st, Q_MAILBOX_ADD, "lssllbi", mail->uid, mail->user, mail->ns,
	    mail->until, bytes, mail->packet, (int)mail->is_shared);
	step = sqlite3_step(q);
	if (step != SQLITE_ROW) /* it was there */
		return statement_finish(st, q, step);
	mail->uid = sqlite3_column_int64(q, 0);
	if (statement_run(st, q) == -1 || statement_exec(st, Q_MAILBOX_TRIM_USER, "sll", mail->user,
					      limits->messages, limits->bytes) == -1)
		return -1;
	*dropped = sqlite3_changes(st->db);
	if (trim_total(st, mail->user, limits->total_bytes, dropped) == -1)
		return -1;
	there = is_there(st, mail->uid);
	if (there == -1)
		return -1;
	*kept = there == 1;
	if (!*kept)
		--*dropped; /* that was this one */
	return 0;
}

int
mailbox_list(struct store *st, int64_t key, struct slice ns, int64_t wall_ms,
    void (*each)(void *arg, int64_t uid, struct slice packet), void *arg)
{
	sqlite3_stmt *q = statement_bind(st, Q_MAILBOX_LIST, "lsl", key, ns, wall_ms);
	int n = 0, step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		each(arg, sqlite3_column_int64(q, 0), statement_column(q, 1));
		n++;
	}
	return statement_finish(st, q, step) == -1 ? -1 : n;
}

int
mailbox_delete(struct store *st, int64_t key, struct slice ns)
{
	return statement_exec(st, Q_MAILBOX_DELETE, "ls", key, ns);
}

int
mailbox_remove(struct store *st, int64_t uid)
{
	return statement_exec(st, Q_MAILBOX_REMOVE, "l", uid);
}

enum store_result
mailbox_next(struct store *st, int64_t *after, struct mailbox_mail *mail, struct buf *texts)
{
	sqlite3_stmt *q = statement_bind(st, Q_MAILBOX_NEXT, "l", *after);
	int step = sqlite3_step(q);
	struct slice parts[3];
	size_t at = texts->n;

	if (step != SQLITE_ROW)
		return statement_finish(st, q, step) == -1 ? STORE_FAILED : STORE_NOT_FOUND;
	*after = sqlite3_column_int64(q, 0);
	*mail = (struct mailbox_mail){.uid = sqlite3_column_int64(q, 1),
	    .until = sqlite3_column_int64(q, 4),
	    .is_shared = true};
	parts[0] = statement_column(q, 2);
	parts[1] = statement_column(q, 3);
	parts[2] = statement_column(q, 5);
	for (int i = 0; i < 3; i++)
		buf_add_slice(texts, parts[i]);
	buf_add_char(texts, '\0'); /* so that texts->p is not NULL */
	if (!texts->failed) {
		mail->user = (struct slice){texts->p + at, parts[0].n};
		mail->ns = (struct slice){mail->user.p + parts[0].n, parts[1].n};
		mail->packet = (struct slice){mail->ns.p + parts[1].n, parts[2].n};
	}
	sqlite3_reset(q);
	if (texts->failed || statement_exec(st, Q_MAILBOX_SHARED, "l", *after) == -1)
		return STORE_FAILED;
	return STORE_OK;
}

int
mailbox_drop_shared(struct store *st)
{
	return statement_run(st, st->q[Q_MAILBOX_DROP_SHARED]);
}

int
mailbox_note_empty(struct store *st)
{
	int64_t messages, bytes;

	if (mailbox_total(st, &messages, &bytes) == -1)
		return -1;
	if (messages == 0)
		slots_set_mailbox_empty(st->slots, true);
	return messages == 0;
}

bool
mailbox_is_empty(const struct store *st)
{
	return slots_mailbox_empty(st->slots);
}

int
mailbox_is_old(struct store *st, int64_t wall_ms)
{
	int64_t is;

	if (statement_number(st, statement_bind(st, Q_MAILBOX_OLD, "l", wall_ms), 0, &is) == -1)
		return -1;
	return is != 0;
}

int
mailbox_expire(struct store *st, int64_t wall_ms)
{
	return statement_exec(st, Q_MAILBOX_EXPIRE, "li", wall_ms, EXPIRE_ROWS);
}
