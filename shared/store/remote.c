#include "shared/store/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/store/internal.h"
#include "shared/store/listing.h"
#include "shared/store/session_row.h"

int
remote_put(struct store *st, const struct remote_session *s)
{
	char handshake[64];

	/* what the lists show of it; headers and query stay at its home */
	snprintf(handshake, sizeof(handshake), "{\"issued\":%" PRId64 "}", s->issued);
	return statement_exec(st, Q_REMOTE_PUT, "lillisss", s->key, s->home, s->round, INT64_MAX,
	    s->transport, s->address.p == NULL ? SLICE("") : s->address, s->user,
	    slice_of(handshake));
}

int
remote_note(struct store *st, int64_t key, int home, int64_t deadline)
{
	return statement_exec(st, Q_REMOTE_NOTE, "lil", key, home, deadline);
}

enum store_result
remote_find(struct store *st, int64_t key, struct remote_place *place)
{
	sqlite3_stmt *q = statement_bind(st, Q_REMOTE_FIND, "l", key);
	int step = sqlite3_step(q);

	if (step != SQLITE_ROW)
		return statement_finish(st, q, step) == -1 ? STORE_FAILED : STORE_NOT_FOUND;
	*place = (struct remote_place){
	    .home = sqlite3_column_int(q, 0), .is_connected = sqlite3_column_int(q, 1) != 0};
	sqlite3_reset(q);
	return STORE_OK;
}

int
remote_set_transport(struct store *st, int64_t key, int transport)
{
	return statement_exec(st, Q_REMOTE_TRANSPORT, "li", key, transport);
}

int
remote_end(struct store *st, int64_t key, int64_t remember_until)
{
	if (remember_until == 0)
		return session_row_delete(st, key);
	if (statement_exec(st, Q_SUBSCRIPTION_DELETE_ALL, "l", key) == -1 ||
	    statement_exec(st, Q_DATA_DELETE_ALL, "l", key) == -1)
		return -1;
	return statement_exec(st, Q_REMOTE_ENDED, "ll", key, remember_until);
}

int
remote_scan(struct store *st, int home, int64_t after, int64_t round, int max, store_each_key *each,
    void *arg)
{
	return statement_each_key(
	    st, statement_bind(st, Q_REMOTE_SCAN, "illi", home, after, round, max), each, arg);
}

int
remote_channels(struct store *st, store_each_key *each, void *arg)
{
	return statement_each_key(st, st->q[Q_REMOTE_CHANS], each, arg);
}

/* --- our own, for other nodes --------------------------------------------------------------- */

int
remote_list_ours(struct store *st, int64_t after, int max, store_each_key *each, void *arg)
{
	return statement_each_key(
	    st, statement_bind(st, Q_REMOTE_OURS, "li", after, max), each, arg);
}

int
remote_list_all_ours(struct store *st, int max, store_each_key *each, void *arg)
{
	return statement_each_key(st, statement_bind(st, Q_REMOTE_ALL_OURS, "i", max), each, arg);
}

/* Keep a column in `texts`; *at and *n say where. */
static void
keep_column(struct buf *texts, sqlite3_stmt *q, int column, size_t *at, size_t *n)
{
	struct slice text = statement_column(q, column);

	*at = texts->n;
	*n = text.n;
	buf_add_slice(texts, text);
}

enum store_result
remote_describe(struct store *st, int64_t key, struct remote_session *s, struct buf *texts)
{
	sqlite3_stmt *q = statement_bind(st, Q_REMOTE_READ, "l", key);
	int step = sqlite3_step(q);
	size_t address_at, address_n, user_at, user_n;
	struct listing_session listed = {.key = key};
	bool has_user;

	if (step != SQLITE_ROW) {
		enum store_result missing = step == SQLITE_DONE ? STORE_NOT_FOUND : STORE_FAILED;

		return statement_finish(st, q, step) == -1 ? STORE_FAILED : missing;
	}
	*s = (struct remote_session){.key = key, .home = -1, .transport = sqlite3_column_int(q, 0)};
	keep_column(texts, q, 1, &address_at, &address_n);
	has_user = statement_column(q, 2).p != NULL;
	keep_column(texts, q, 2, &user_at, &user_n);
	listed.handshake = statement_column(q, 3);
	s->issued = listing_issued(&listed);
	sqlite3_reset(q);
	buf_add_char(texts, '\0'); /* so that texts->p is not NULL */
	if (texts->failed)
		return STORE_FAILED;
	s->address = (struct slice){texts->p + address_at, address_n};
	if (has_user)
		s->user = (struct slice){texts->p + user_at, user_n};
	return STORE_OK;
}

int
remote_give(struct store *st, int64_t key, int home, int64_t deadline)
{
	if (session_row_delete(st, key) == -1)
		return -1;
	return remote_note(st, key, home, deadline);
}

char *
remote_deferred(struct store *st, int64_t key)
{
	return statement_text(st, statement_bind(st, Q_REMOTE_DEFERRED, "l", key));
}
