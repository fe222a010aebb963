#include "shared/store/database.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/store/internal.h"

#include "schema.h" /* schema.sql as the string literal schema_sql, made by the Makefile */

#define SCHEMA_VERSION  6
#define BUSY_TIMEOUT_MS 2000 /* for writers without LOCK_WRITER: sqlite3(1), recovery */

/* Empty when there is no /proc: then every boot counts as the same. */
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

static int
database_connect(struct store *st)
{
	static const char pragmas[] =
	    "PRAGMA page_size=4096;"
	    "PRAGMA journal_mode=WAL;"       /* readers do not wait for the writer */
	    "PRAGMA synchronous=OFF;"        /* no session outlives the boot: fsync is useless */
	    "PRAGMA wal_autocheckpoint=500;" /* pages */
	    "PRAGMA journal_size_limit=8388608;" /* cut back a WAL that a slow reader let grow */
	    "PRAGMA secure_delete=OFF;"
	    "PRAGMA temp_store=MEMORY;"
	    "PRAGMA foreign_keys=OFF;"
	    "PRAGMA mmap_size=0;"
	    "PRAGMA cache_size=-512;"; /* KiB; the kernel caches the rest once for all processes */

	if (sqlite3_open_v2(st->path, &st->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
		NULL) != SQLITE_OK)
		return -1;
	sqlite3_busy_timeout(st->db, BUSY_TIMEOUT_MS);
	return sqlite3_exec(st->db, pragmas, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* Whether the open database was made by this boot and has this schema.  False also when it has no
 * table meta: it is empty, not ours, or damaged. */
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
create_tables(struct store *st)
{
	char boot[64], *sql;
	int result;

	read_boot_id(boot);
	/* one control row, so that the log is never empty: ids continue from its newest row */
	sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s"
			      "INSERT INTO meta VALUES('boot', %Q), ('schema', '%d'),"
			      " ('epoch', lower(hex(randomblob(6))));"
			      "INSERT INTO message VALUES(1, 0, 2, 0, NULL, 0, x''); COMMIT;",
	    schema_sql, boot, SCHEMA_VERSION);
	if (sql == NULL)
		return -1;
	result = sqlite3_exec(st->db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return result == SQLITE_OK ? 0 : -1;
}

static void
unlink_database(const struct store *st)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char path[600];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", st->path, suffixes[i]);
		unlink(path);
	}
}

static int
database_recreate(struct store *st)
{
	/* new files, never the old one emptied: running processes still have that one open, and
	 * tell by the inode that it was replaced */
	database_close(st);
	unlink_database(st);
	if (database_connect(st) == -1 || create_tables(st) == -1)
		return statement_fail(st, "cannot create the database");
	return 0;
}

static int
read_database_epoch(struct store *st)
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

int
database_open(struct store *st, bool *created)
{
	struct stat sb;
	bool existed = stat(st->path, &sb) == 0, usable = false;

	*created = false;
	/* with must_exist never connect to a missing file: SQLite would create it */
	if (existed || !st->must_exist)
		usable = database_connect(st) == 0 && database_is_current(st);
	if (!usable && st->must_exist) {
		log_errx("store %s: from another boot or version, or damaged;"
			 " a server that starts will replace it",
		    st->path);
		return -1;
	}
	if (!usable) {
		if (existed)
			log_info("store %s: from another boot or version, or damaged; created anew",
			    st->path);
		if (database_recreate(st) == -1)
			return -1;
		*created = true;
	}
	/* only now: the statements need the tables */
	if (statement_prepare_all(st) == -1)
		return -1;
	if (read_database_epoch(st) == -1)
		return statement_fail(st, "reading the epoch from table meta");
	/* by the name, after connecting: what store_was_replaced() will compare with */
	if (stat(st->path, &sb) == -1) {
		log_err("store %s: opened, but not found again", st->path);
		return -1;
	}
	st->inode = (uint64_t)sb.st_ino;
	/* the group shares the folder, whatever the umask of the process that came first */
	chmod(st->path, 0660);
	return 0;
}

void
database_close(struct store *st)
{
	statement_finalize_all(st); /* or sqlite3_close() refuses */
	sqlite3_close(st->db);
	st->db = NULL;
	st->in_transaction = false;
}
