#include "shared/store/message_log.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "shared/store/internal.h"

int64_t
message_log_channel(struct slice ns, struct slice room)
{
	/* a cryptographic hash: clients may choose room names, and must not be able to make one
	 * that shares the messages of another */
	unsigned char digest[EVP_MAX_MD_SIZE];
	/* between ns and room, a byte that UTF-8 never has: "a" + "bc" must not equal "ab" + "c" */
	unsigned char separator = room.p == NULL ? 0xfe : 0xff;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint64_t chan = 0;

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, ns.p, ns.n) != 1 || EVP_DigestUpdate(ctx, &separator, 1) != 1 ||
	    EVP_DigestUpdate(ctx, room.p, room.n) != 1 ||
	    EVP_DigestFinal_ex(ctx, digest, NULL) != 1)
		abort(); /* out of memory, or a libcrypto without SHA-256 */
	EVP_MD_CTX_free(ctx);
	for (int i = 0; i < 8; i++)
		chan = chan << 8 | digest[i];
	/* the sign bit tells it from a session's key, which is its own channel */
	return (int64_t)(chan | UINT64_C(1) << 63);
}

int
message_log_append(struct store *st, struct message_row *m, int64_t now_ms)
{
	int64_t bytes = (int64_t)(m->payload.n + m->except_more.n) + MESSAGE_ROW_BYTES;

	if (statement_exec(st, Q_MESSAGE_APPEND, "lilnlbl", m->chan, (int)m->flags, m->except_key,
		m->except_more, now_ms, m->payload, bytes) == -1)
		return -1;
	m->id = sqlite3_last_insert_rowid(st->db);
	return 0;
}

int
message_log_head(struct store *st, int64_t *head)
{
	return statement_number(st, st->q[Q_MESSAGE_HEAD], 0, head);
}

int
message_log_first(struct store *st, int64_t *first)
{
	return statement_number(st, st->q[Q_MESSAGE_FIRST], 0, first);
}

int
message_log_span(struct store *st, struct message_span *span)
{
	sqlite3_stmt *q = st->q[Q_MESSAGE_SPAN];
	int result = 0;

	if (sqlite3_step(q) == SQLITE_ROW)
		*span = (struct message_span){
		    .oldest = sqlite3_column_int64(q, 0),
		    .newest = sqlite3_column_int64(q, 1),
		    .bytes = sqlite3_column_int64(q, 2),
		};
	else
		result = statement_fail(st, "reading the size of the log");
	sqlite3_reset(q);
	return result;
}

static int
read_messages(struct store *st, sqlite3_stmt *q, message_log_each *each, void *arg)
{
	int step;

	while ((step = sqlite3_step(q)) == SQLITE_ROW) {
		struct message_row m = {
		    .id = sqlite3_column_int64(q, 0),
		    .chan = sqlite3_column_int64(q, 1),
		    .flags = (unsigned)sqlite3_column_int(q, 2),
		    .except_key = sqlite3_column_int64(q, 3),
		    .except_more = statement_column(q, 4),
		    .payload = statement_column(q, 5),
		};

		each(arg, &m);
	}
	return statement_finish(st, q, step);
}

int
message_log_read(struct store *st, int64_t after, message_log_each *each, void *arg)
{
	return read_messages(st, statement_bind(st, Q_MESSAGE_READ, "l", after), each, arg);
}

int
message_log_read_for(
    struct store *st, int64_t key, int64_t after, int64_t until, message_log_each *each, void *arg)
{
	return read_messages(
	    st, statement_bind(st, Q_MESSAGE_READ_FOR, "lll", key, after, until), each, arg);
}
