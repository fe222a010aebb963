/* Opening the database and its transactions.  Tables: schema.sql.  Rules: store.h. */
#include "shared/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/store/internal.h"
#include "shared/store/lock.h"
#include "shared/store/wake.h"

#include "schema.h" /* schema.sql as the string literal schema_sql, made by the Makefile */

#define SCHEMA_VERSION  4
#define LOCK_TIMEOUT_MS 5000 /* a writer that holds the lock for longer is stuck */
#define BUSY_TIMEOUT_MS 2000 /* for those that write without our lock: sqlite3(1), recovery */

static const char *const texts[Q_N] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_APPEND] = "INSERT INTO msg(chan, flags, except_key, except_more, ts, payload)"
		 " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [Q_HEAD] = "SELECT max(id) FROM msg",
    [Q_READ] = "SELECT id, chan, flags, except_key, except_more, payload FROM msg"
	       " WHERE id > ?1 ORDER BY id",
    [Q_READ_FOR] = "SELECT id, chan, flags, except_key, except_more, payload FROM msg"
		   " WHERE id > ?2 AND id <= ?3 AND (chan = ?1 OR chan IN"
		   " (SELECT chan FROM sub WHERE key = ?1)) ORDER BY id",
    [Q_SESSION_CREATE] =
	"INSERT INTO session(key, sid, state, owner, gen, cursor, inflight, deadline, transport,"
	" streaming, spoke, bad, ack_seq, address, handshake)"
	" VALUES(?1, ?2, 0, -1, 0, 0, NULL, ?3, 0, 0, 0, 0, 0, ?4, ?5)",
    [Q_SESSION_LOAD] = "SELECT sid, state, owner, gen, cursor, ifnull(inflight, -1), deadline,"
		       " transport, streaming, spoke FROM session WHERE key = ?1",
    [Q_SESSION_SAVE] = "UPDATE session SET state = ?2, owner = ?3, gen = ?4, cursor = ?5,"
		       " inflight = nullif(?6, -1), deadline = ?7, transport = ?8, streaming = ?9,"
		       " spoke = ?10 WHERE key = ?1",
    [Q_SESSION_RESERVE] = "UPDATE session SET inflight = ?3, owner = -1, deadline = ?4"
			  " WHERE key = ?1 AND gen = ?2",
    [Q_SESSION_UNRESERVE] = "UPDATE session SET inflight = NULL WHERE key = ?1 AND gen = ?2",
    [Q_SESSION_SPOKE] = "UPDATE session SET spoke = 1 WHERE key = ?1",
    [Q_SESSION_BAD] = "UPDATE session SET bad = bad + 1 WHERE key = ?1 RETURNING bad",
    [Q_SESSION_TOMBSTONE] =
	"UPDATE session SET state = 2, owner = -1, gen = gen + 1, streaming = 0,"
	" deadline = ?2 WHERE key = ?1",
    [Q_SESSION_DELETE] = "DELETE FROM session WHERE key = ?1",
    [Q_SESSION_HANDSHAKE] = "SELECT handshake FROM session WHERE key = ?1",
    [Q_SESSION_COUNT] = "SELECT count(*) FROM session WHERE address = ?1 AND state < 2",
    [Q_SESSION_USER] = "SELECT user FROM session WHERE key = ?1",
    [Q_SESSION_SET_USER] = "UPDATE session SET user = ?2 WHERE key = ?1",
    [Q_USER_SESSIONS] = "SELECT session.key FROM session JOIN sub ON sub.key = session.key"
			" WHERE session.user = ?1 AND sub.chan = ?2 AND sub.until IS NULL",
    [Q_SUB_ADD] = "INSERT OR REPLACE INTO sub(key, chan, since, until, ns, room, endpoint)"
		  " VALUES(?1, ?2, ?3, NULL, ?4, ?5, ?6)",
    [Q_SUB_END] = "UPDATE sub SET until = ?3 WHERE key = ?1 AND chan = ?2 AND until IS NULL",
    [Q_SUB_FORGET] = "DELETE FROM sub WHERE key = ?1 AND chan = ?2",
    [Q_SUB_END_NS] = "UPDATE sub SET until = ?3 WHERE key = ?1 AND ns = ?2 AND until IS NULL",
    [Q_SUB_FORGET_NS] = "DELETE FROM sub WHERE key = ?1 AND ns = ?2",
    [Q_SUBS] = "SELECT chan, since, until, ns, room, endpoint FROM sub WHERE key = ?1",
    [Q_SUBS_DELETE] = "DELETE FROM sub WHERE key = ?1",
    [Q_MEMBERS] = "SELECT key FROM sub WHERE chan = ?1 AND until IS NULL",
    [Q_DATA_SET] = "INSERT OR REPLACE INTO data(key, name, value) VALUES(?1, ?2, ?3)",
    [Q_DATA_DEL] = "DELETE FROM data WHERE key = ?1 AND name = ?2",
    [Q_DATA_GET] = "SELECT value FROM data WHERE key = ?1 AND name = ?2",
    [Q_DATA_DELETE] = "DELETE FROM data WHERE key = ?1 AND NOT EXISTS"
		      " (SELECT 1 FROM hook_event WHERE key = ?1)",
    [Q_DATA] = "SELECT name, value FROM data WHERE key = ?1",
    [Q_ACK_NEXT] = "UPDATE session SET ack_seq = ack_seq + 1 WHERE key = ?1 RETURNING ack_seq",
    [Q_ACK_EXPECT] = "INSERT INTO ack(key, id, ns, handler, context, deadline)"
		     " VALUES(?1, ?2, ?3, ?4, ?5, nullif(?6, 0))",
    [Q_ACK_TAKE] = "DELETE FROM ack WHERE key = ?1 AND id = ?2 RETURNING ns, handler, context",
    [Q_ACK_DELETE] = "DELETE FROM ack WHERE key = ?1",
    [Q_ACKS_DUE] = "SELECT key, id FROM ack WHERE deadline <= ?1 LIMIT ?2",
    [Q_ASK] = "INSERT OR IGNORE INTO asked(key, ns, reason) VALUES(?1, ?2, ?3)",
    [Q_ASKED] = "SELECT key, ns, reason FROM asked LIMIT ?1",
    [Q_ASKED_DELETE] = "DELETE FROM asked WHERE key = ?1 AND ns = ?2",
    [Q_VERSION] = "PRAGMA data_version",
    [Q_ACTIONS] = "SELECT id, json FROM action_in ORDER BY id LIMIT ?1",
    [Q_ACTION_DELETE] = "DELETE FROM action_in WHERE id = ?1",
    [Q_PUBLISHED_FIND] = "SELECT answer FROM published WHERE key = ?1 AND until > ?2",
    [Q_PUBLISHED_ADD] = "INSERT OR REPLACE INTO published(key, answer, until) VALUES(?1, ?2, ?3)",
    [Q_PUBLISHED_TRIM] =
	"DELETE FROM published WHERE id <= max("
	" (SELECT max(id) FROM published) - ?1, ifnull("
	" (SELECT id FROM published WHERE until > ?2 ORDER BY id LIMIT 1), 0) - 1)",
    [Q_OWNERS] = "SELECT DISTINCT owner FROM session WHERE owner >= 0",
    [Q_EXPIRED] = "SELECT key FROM session WHERE deadline <= ?1 AND NOT (streaming AND owner >= 0)",
    [Q_ORPHANS] = "SELECT key FROM session WHERE owner = ?1 AND streaming",
    [Q_SET_FREE] = "UPDATE session SET owner = -1 WHERE owner = ?1 AND NOT streaming",
    [Q_DISOWN] = "UPDATE session SET owner = -1, deadline = iif(streaming, 0, deadline)"
		 " WHERE owner = ?1",
    [Q_NEEDED] = "SELECT min(cursor) FROM session WHERE state = 1 AND NOT streaming",
    [Q_TRIM_POINT] = "SELECT max(id) FROM (SELECT id FROM msg ORDER BY id LIMIT 1000)"
		     " WHERE id < (SELECT max(id) FROM msg)",
    [Q_TRIM] = "DELETE FROM msg WHERE id <= ?1",
    [Q_SUB_EXPIRE] = "DELETE FROM sub WHERE until <= ?1",
    [Q_WAITING] = "SELECT DISTINCT sub.chan FROM session JOIN sub ON sub.key = session.key"
		  " WHERE session.state = 1 AND NOT session.streaming",
    [Q_SESSIONS] = "SELECT count(*) FROM session WHERE state < 2",
    [Q_BEHIND] = "SELECT key FROM session WHERE state = 1 AND NOT streaming AND cursor < ?1",
    [Q_PAGES] = "SELECT (page_count - freelist_count) * page_size"
		" - (SELECT ifnull(sum(length(body)), 0) FROM hook_dead)"
		" FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()",
    [Q_HOOK_ADD] = "INSERT INTO hook_event(key, ns, ack, time, created, batch, attempts, due, body)"
		   " VALUES(?1, ?2, ?3, ?4, ?5, 0, 0, 0, ?6)",
    [Q_HOOK_LIST] = "SELECT id, key, ack IS NOT NULL, created, batch, attempts, due, length(body)"
		    " FROM hook_event WHERE id > ?1 ORDER BY id",
    [Q_HOOK_READ] = "SELECT key, ns, ack, time, body FROM hook_event WHERE id = ?1",
    [Q_HOOK_DONE] = "DELETE FROM hook_event WHERE id = ?1",
    [Q_HOOK_RETRY] = "UPDATE hook_event SET batch = ?2, attempts = ?3, due = ?4 WHERE id = ?1",
    [Q_HOOK_BURY] = "INSERT OR REPLACE INTO hook_dead(id, key, ns, ack, time, body, error)"
		    " SELECT id, key, ns, ack, time, ?2, ?3 FROM hook_event WHERE id = ?1",
    [Q_HOOK_TRIM_DEAD] =
	"DELETE FROM hook_dead WHERE id IN (SELECT id FROM (SELECT id,"
	" count(*) OVER newer AS n, sum(length(body)) OVER newer AS bytes FROM hook_dead"
	" WINDOW newer AS (ORDER BY id DESC)) WHERE n > ?1 OR bytes > ?2)",
    [Q_HOOK_USER] = "SELECT user FROM session WHERE key = ?1 AND user IS NOT NULL"
		    " UNION ALL SELECT user FROM hook_past WHERE key = ?1",
    [Q_HOOK_PAST] = "INSERT OR IGNORE INTO hook_past(key, user) SELECT key, user FROM session"
		    " WHERE key = ?1 AND EXISTS (SELECT 1 FROM hook_event WHERE key = ?1)",
    [Q_HOOK_FORGET_DATA] = "DELETE FROM data WHERE key = ?1"
			   " AND EXISTS (SELECT 1 FROM hook_past WHERE key = ?1)"
			   " AND NOT EXISTS (SELECT 1 FROM hook_event WHERE key = ?1)",
    [Q_HOOK_FORGET] = "DELETE FROM hook_past WHERE key = ?1"
		      " AND NOT EXISTS (SELECT 1 FROM hook_event WHERE key = ?1)",
    [Q_HOOK_ADMIT] = "INSERT OR REPLACE INTO hook_admission(key, actions) VALUES(?1, ?2)",
    [Q_HOOK_ADMITTED] = "DELETE FROM hook_admission WHERE key = ?1 RETURNING actions",
    [Q_HOOK_ADMISSION_DELETE] = "DELETE FROM hook_admission WHERE key = ?1",
};

int
store_fail(struct store *st, const char *what)
{
	log_errx("store %s: %s: %s", st->path, what, sqlite3_errmsg(st->db));
	return -1;
}

sqlite3_stmt *
store_bind(struct store *st, enum query q, const char *kinds, ...)
{
	sqlite3_stmt *stmt = st->q[q];
	va_list args;
	struct slice s;
	const char *z;

	va_start(args, kinds);
	for (int i = 1; *kinds != '\0'; i++, kinds++) {
		switch (*kinds) {
		case 'i':
			sqlite3_bind_int(stmt, i, va_arg(args, int));
			break;
		case 'l':
			sqlite3_bind_int64(stmt, i, va_arg(args, int64_t));
			break;
		case 's':
			s = va_arg(args, struct slice);
			if (s.p == NULL)
				sqlite3_bind_null(stmt, i);
			else
				sqlite3_bind_text64(stmt, i, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
			break;
		case 'n':
			s = va_arg(args, struct slice);
			if (s.p == NULL)
				sqlite3_bind_null(stmt, i);
			else
				sqlite3_bind_blob64(stmt, i, s.p, s.n, SQLITE_STATIC);
			break;
		case 'b':
			s = va_arg(args, struct slice);
			sqlite3_bind_blob64(stmt, i, s.n == 0 ? "" : s.p, s.n, SQLITE_STATIC);
			break;
		case 'z':
			z = va_arg(args, const char *);
			sqlite3_bind_text(stmt, i, z, -1, SQLITE_STATIC);
			break;
		}
	}
	va_end(args);
	return stmt;
}

int
store_run(struct store *st, sqlite3_stmt *q)
{
	int result = sqlite3_step(q);

	while (result == SQLITE_ROW)
		result = sqlite3_step(q);
	if (result != SQLITE_DONE) {
		store_fail(st, sqlite3_sql(q));
		sqlite3_reset(q);
		return -1;
	}
	sqlite3_reset(q);
	return 0;
}

char *
store_text(struct store *st, sqlite3_stmt *q)
{
	int step = sqlite3_step(q);
	char *text = NULL;

	if (step != SQLITE_ROW) {
		if (step != SQLITE_DONE)
			store_fail(st, sqlite3_sql(q));
		sqlite3_reset(q);
		return NULL;
	}
	if (sqlite3_column_type(q, 0) != SQLITE_NULL) {
		struct slice s = store_column(q, 0);

		text = strndup(s.p, s.n);
	}
	if (store_run(st, q) == -1) {
		free(text);
		return NULL;
	}
	return text;
}

struct slice
store_column(sqlite3_stmt *q, int column)
{
	const char *p = sqlite3_column_blob(q, column);

	if (sqlite3_column_type(q, column) == SQLITE_NULL)
		return (struct slice){NULL, 0};
	return (struct slice){p == NULL ? "" : p, (size_t)sqlite3_column_bytes(q, column)};
}

/* --- opening -------------------------------------------------------------------------------- */

static void
read_boot_id(char id[64])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, id, 63);

	if (fd != -1)
		close(fd);
	id[n > 0 ? n : 0] = '\0';
	id[strcspn(id, "\n")] = '\0';
}

static void
database_close(struct store *st)
{
	for (int i = 0; i < Q_N; i++) {
		sqlite3_finalize(st->q[i]);
		st->q[i] = NULL;
	}
	sqlite3_close(st->db);
	st->db = NULL;
	st->in_transaction = false;
}

static int
connect_database(struct store *st)
{
	/* Sessions do not outlive the machine's boot, so nothing is gained by fsync.  Pages that
	 * are not cached here are in the kernel's cache, once for all processes. */
	static const char pragmas[] = "PRAGMA page_size=4096; PRAGMA journal_mode=WAL;"
				      "PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=500;"
				      "PRAGMA journal_size_limit=8388608; PRAGMA secure_delete=OFF;"
				      "PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=OFF;"
				      "PRAGMA mmap_size=0; PRAGMA cache_size=-512;";

	if (sqlite3_open_v2(st->path, &st->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK)
		return -1;
	sqlite3_busy_timeout(st->db, BUSY_TIMEOUT_MS);
	return sqlite3_exec(st->db, pragmas, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* Is this database ours, of this boot and this schema? */
static bool
database_is_current(struct store *st)
{
	char boot[64], version[16];
	sqlite3_stmt *q = NULL;
	bool current = false;

	read_boot_id(boot);
	snprintf(version, sizeof(version), "%d", SCHEMA_VERSION);
	if (sqlite3_prepare_v2(st->db,
		"SELECT (SELECT v FROM meta WHERE k = 'boot') = ?1"
		" AND (SELECT v FROM meta WHERE k = 'schema') = ?2",
		-1, &q, NULL) == SQLITE_OK) {
		sqlite3_bind_text(q, 1, boot, -1, SQLITE_STATIC);
		sqlite3_bind_text(q, 2, version, -1, SQLITE_STATIC);
		current = sqlite3_step(q) == SQLITE_ROW && sqlite3_column_int(q, 0) == 1;
	}
	sqlite3_finalize(q);
	return current;
}

static int
read_epoch(struct store *st)
{
	sqlite3_stmt *q = NULL;
	const unsigned char *text = NULL;

	if (sqlite3_prepare_v2(st->db, "SELECT v FROM meta WHERE k = 'epoch'", -1, &q, NULL) ==
		SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		text = sqlite3_column_text(q, 0);
	snprintf(st->database_epoch, sizeof(st->database_epoch), "%s",
	    text == NULL ? "" : (const char *)text);
	sqlite3_finalize(q);
	return st->database_epoch[0] == '\0' ? -1 : 0;
}

static int
create_database(struct store *st)
{
	char boot[64], *sql;
	int result;

	read_boot_id(boot);
	sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s"
			      "INSERT INTO meta VALUES('boot', %Q), ('schema', '%d'),"
			      " ('epoch', lower(hex(randomblob(6))));"
			      "INSERT INTO msg VALUES(1, 0, 2, 0, NULL, 0, x''); COMMIT;",
	    schema_sql, boot, SCHEMA_VERSION);
	if (sql == NULL)
		return -1;
	result = sqlite3_exec(st->db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return result == SQLITE_OK ? 0 : -1;
}

static void
remove_database(const struct store *st)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char path[600];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", st->path, suffixes[i]);
		unlink(path);
	}
}

/* Open the database, replacing one that is of no use.  LOCK_INIT is held.  Sets `*made`. */
static int
database_open(struct store *st, bool *made)
{
	struct stat sb;
	bool existed = stat(st->path, &sb) == 0;

	bool usable =
	    (existed || !st->must_exist) && connect_database(st) == 0 && database_is_current(st);

	*made = false;
	if (!usable && st->must_exist) {
		log_errx("store %s: of another boot or version, or damaged", st->path);
		return -1;
	}
	if (!usable) {
		if (existed)
			log_info("store %s: of another boot or version, or damaged: made anew",
			    st->path);
		database_close(st);
		remove_database(st);
		if (connect_database(st) == -1 || create_database(st) == -1)
			return store_fail(st, "cannot be made");
		*made = true;
	}
	for (int i = 0; i < Q_N; i++)
		if (sqlite3_prepare_v3(st->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &st->q[i],
			NULL) != SQLITE_OK)
			return store_fail(st, texts[i]);
	if (read_epoch(st) == -1)
		return store_fail(st, "epoch");
	if (stat(st->path, &sb) == -1) {
		log_err("store %s", st->path);
		return -1;
	}
	chmod(st->path, 0660);
	st->inode = (uint64_t)sb.st_ino;
	return 0;
}

/* A process of before had our slot and died: what it held is free, or overdue if it was a stream;
 * nobody could tell from the slot any more. */
static int
disown(struct store *st)
{
	return store_run(st, store_bind(st, Q_DISOWN, "i", slots_own(st->slots)));
}

struct store *
store_open(const char *folder, int kind, bool must_exist)
{
	struct store *st = calloc(1, sizeof(*st));
	char path[600];
	bool made;

	if (st == NULL)
		return NULL;
	st->lock_fd = st->wake_fd = -1;
	st->must_exist = must_exist;
	snprintf(st->folder, sizeof(st->folder), "%s", folder);
	snprintf(st->path, sizeof(st->path), "%s/pollux.db", st->folder);
	if (must_exist && access(st->path, F_OK) == -1) {
		log_err("store %s", st->path);
		goto fail;
	}
	if (mkdir(folder, 0770) == -1 && errno != EEXIST) {
		log_err("store: folder %s", folder);
		goto fail;
	}
	snprintf(path, sizeof(path), "%s/lock", st->folder);
	st->lock_fd = lock_open(path);
	if (st->lock_fd == -1) {
		log_err("store: %s", path);
		goto fail;
	}
	if (lock_take(st->lock_fd, LOCK_INIT, LOCK_TIMEOUT_MS) == -1) {
		log_err("store: %s", path);
		goto fail;
	}
	snprintf(path, sizeof(path), "%s/slots", st->folder);
	st->slots = slots_open(path, st->lock_fd, kind);
	if (st->slots == NULL) {
		log_err("store: %s", path);
		goto fail;
	}
	st->wake_fd = wake_open(st->folder, slots_own(st->slots));
	if (st->wake_fd == -1) {
		log_err("store: wake-up socket in %s", st->folder);
		goto fail;
	}
	if (database_open(st, &made) == -1)
		goto fail;
	if (made)
		slots_bump_epoch(st->slots);
	st->epoch = slots_epoch(st->slots);
	if (disown(st) == -1)
		goto fail;
	lock_give(st->lock_fd, LOCK_INIT);
	return st;
fail:
	store_close(st);
	return NULL;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	if (st->db != NULL) {
		store_rollback(st);
		database_close(st);
	}
	if (st->wake_fd != -1)
		wake_close(st->wake_fd, st->folder, slots_own(st->slots));
	slots_close(st->slots);
	if (st->lock_fd != -1)
		close(st->lock_fd); /* gives every lock back */
	free(st);
}

bool
store_was_replaced(struct store *st)
{
	struct stat sb;

	return slots_epoch(st->slots) != st->epoch || stat(st->path, &sb) == -1 ||
	       (uint64_t)sb.st_ino != st->inode;
}

int
store_reopen(struct store *st)
{
	bool made = false;
	int result;

	store_rollback(st);
	if (lock_take(st->lock_fd, LOCK_INIT, LOCK_TIMEOUT_MS) == -1) {
		log_err("store %s", st->path);
		return -1;
	}
	database_close(st);
	result = database_open(st, &made);
	if (made)
		slots_bump_epoch(st->slots);
	st->epoch = slots_epoch(st->slots);
	lock_give(st->lock_fd, LOCK_INIT);
	return result;
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

int
store_begin(struct store *st)
{
	if (st->in_transaction)
		return 0;
	if (lock_take(st->lock_fd, LOCK_WRITER, LOCK_TIMEOUT_MS) == -1) {
		log_err("store %s: another process holds the writer's lock", st->path);
		return -1;
	}
	if (store_run(st, st->q[Q_BEGIN]) == -1) {
		lock_give(st->lock_fd, LOCK_WRITER);
		return -1;
	}
	st->in_transaction = true;
	memset(st->wake, 0, sizeof(st->wake));
	st->wake_any = st->asks = false;
	st->published_n = 0;
	return 0;
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
	if (!sqlite3_get_autocommit(st->db)) /* some errors have rolled back already */
		store_run(st, st->q[Q_ROLLBACK]);
	st->in_transaction = false;
	lock_give(st->lock_fd, LOCK_WRITER);
}

static bool
listens_to_published(const struct store *st, int slot)
{
	if (st->published_n > sizeof(st->published) / sizeof(st->published[0]))
		return true;
	for (unsigned i = 0; i < st->published_n; i++)
		if (slots_listens(st->slots, slot, st->published[i]))
			return true;
	return false;
}

static void
send_wakes(struct store *st)
{
	int own = slots_own(st->slots);
	int high = slots_high(st->slots);

	if (!st->wake_any && st->published_n == 0)
		return;
	for (int i = 0; i < high; i++)
		if (i != own &&
		    ((st->wake[i / 8] >> (i % 8) & 1) != 0 || listens_to_published(st, i)))
			wake_send(st->wake_fd, st->folder, i);
}

int
store_commit(struct store *st)
{
	if (!st->in_transaction)
		return 0;
	if (store_run(st, st->q[Q_COMMIT]) == -1) { /* disk full: SQLite has rolled back */
		store_rollback(st);
		return -1;
	}
	st->in_transaction = false;
	lock_give(st->lock_fd, LOCK_WRITER);
	if (st->asks)
		slots_set_asked(st->slots, true);
	send_wakes(st);
	return 0;
}

void
store_wake_slot(struct store *st, int slot)
{
	if (slot < 0 || slot >= SLOTS_MAX || slot == slots_own(st->slots))
		return;
	st->wake[slot / 8] = (unsigned char)(st->wake[slot / 8] | 1u << (slot % 8));
	st->wake_any = true;
}

void
store_wake_listeners(struct store *st, int64_t chan)
{
	unsigned room = sizeof(st->published) / sizeof(st->published[0]);

	for (unsigned i = 0; i < st->published_n && i < room; i++)
		if (st->published[i] == chan)
			return;
	if (st->published_n < room)
		st->published[st->published_n] = chan;
	if (st->published_n <= room)
		st->published_n++;
}
