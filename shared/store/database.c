#include "shared/store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/store/carried.h"
#include "shared/store/health.h"
#include "shared/store/internal.h"
#include "shared/store/slots.h"

#include "schema.h" /* schema.sql as the string literal schema_sql, made by the Makefile */

#define SCHEMA_VERSION 10
/* For writers without LOCK_WRITER: sqlite3(1), recovery.  A program that starts and gives up would
 * cost a request where the web server starts one for each. */
#define START_TIMEOUT_MS  5000
#define REOPEN_TIMEOUT_MS 200 /* in a loop that serves sockets */

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
	sqlite3_busy_timeout(st->db, st->starts ? START_TIMEOUT_MS : REOPEN_TIMEOUT_MS);
	return sqlite3_exec(st->db, pragmas, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* Whether the open database was made by this boot and has this schema.  A database without our
 * table meta is not ours: not current, and not damaged either. */
static enum health_fault
database_is_current(struct store *st, bool *current)
{
	char boot[64], version[16];
	sqlite3_stmt *q = NULL;
	enum health_fault fault = HEALTH_GOOD;

	*current = false;
	read_boot_id(boot);
	snprintf(version, sizeof(version), "%d", SCHEMA_VERSION);
	if (sqlite3_prepare_v2(st->db,
		"SELECT (SELECT v FROM meta WHERE k = 'boot') = ?1"
		" AND (SELECT v FROM meta WHERE k = 'schema') = ?2",
		-1, &q, NULL) != SQLITE_OK) {
		bool empty = sqlite3_errcode(st->db) == SQLITE_ERROR;

		return empty ? HEALTH_GOOD : health_of_error(st);
	}
	sqlite3_bind_text(q, 1, boot, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 2, version, -1, SQLITE_STATIC);
	if (sqlite3_step(q) == SQLITE_ROW)
		*current = sqlite3_column_int(q, 0) == 1;
	else
		fault = health_of_error(st);
	sqlite3_finalize(q);
	return fault;
}

static int
create_tables(struct store *st)
{
	char boot[64], *sql;
	bool carries = carried_open(st);
	int result;

	read_boot_id(boot);
	/* one control row, so that the log is never empty: ids continue from its newest row */
	sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s"
			      "INSERT INTO meta VALUES('boot', %Q), ('schema', '%d'),"
			      " ('epoch', lower(hex(randomblob(6))));"
			      "INSERT INTO message VALUES(1, 0, 2, 0, NULL, 0, 0, x'');",
	    schema_sql, boot, SCHEMA_VERSION);
	result = sql == NULL ? SQLITE_NOMEM : sqlite3_exec(st->db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	/* in the same transaction: a database that is there has what was carried over */
	if (result == SQLITE_OK && carries)
		carried_copy(st);
	if (result == SQLITE_OK && sqlite3_get_autocommit(st->db)) {
		/* copying has ended the transaction, as on a disk that is full.  The next try must
		 * not fail for it, too */
		carried_give_up(st);
		return -1;
	}
	if (result == SQLITE_OK)
		result = sqlite3_exec(st->db, "COMMIT", NULL, NULL, NULL);
	if (result == SQLITE_OK && carries) /* else the connection is closed, with its error */
		carried_close(st);
	return result == SQLITE_OK ? 0 : -1;
}

/* The name of one of its files. */
static void
database_path(const struct store *st, enum database_file file, char path[600])
{
	static const char *const suffixes[DATABASE_FILES] = {
	    [DATABASE_WAL] = "-wal", [DATABASE_SHM] = "-shm"};

	snprintf(path, 600, "%s%s", st->path, suffixes[file] == NULL ? "" : suffixes[file]);
}

static void
unlink_database(const struct store *st)
{
	char path[600];

	for (int i = 0; i < DATABASE_FILES; i++) {
		database_path(st, (enum database_file)i, path);
		/* a disk that is full needs the room now, and running processes keep the file until
		 * they look.  Not the index: they have it mapped, and would be killed */
		if (i != DATABASE_SHM)
			(void)truncate(path, 0);
		unlink(path);
	}
}

/* A new database with its tables. */
static int
database_create(struct store *st)
{
	/* empty, but with its rights: SQLite would make it readable for all, and it gives its other
	 * files the rights that this one has */
	int fd = file_open(st->path, st->mode);

	if (fd == -1) {
		health_complain(st, "cannot create %s", st->path);
		return -1;
	}
	close(fd);
	if (database_connect(st) == -1 || create_tables(st) == -1) {
		errno = 0;
		health_complain(
		    st, "cannot create the database %s: %s", st->path, sqlite3_errmsg(st->db));
		return -1;
	}
	return 0;
}

/* `keeps`: the old one is worth reading. */
static int
database_recreate(struct store *st, bool keeps)
{
	/* new files: running processes still have the old one open, and tell by the inode that it
	 * was replaced */
	database_close(st);
	if (keeps)
		carried_set_aside(st);
	else
		carried_delete(st);
	unlink_database(st);
	if (database_create(st) == 0) {
		carried_delete(st);
		return 0;
	}
	/* the next try finds what was set aside, unless its room is what is missing */
	if (st->db != NULL && health_of_error(st) == HEALTH_FULL)
		carried_give_up(st);
	/* half a database would be taken for another version's */
	database_close(st);
	unlink_database(st);
	return -1;
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

/* Open what is there.  `*current`: it is usable.  `*fault`: what is wrong with it. */
static void
database_examine(struct store *st, bool *current, enum health_fault *fault)
{
	*current = false;
	*fault =
	    database_connect(st) == -1 ? health_of_error(st) : database_is_current(st, current);
	if (!*current || *fault != HEALTH_GOOD)
		return;
	/* a guest replaces nothing, and may be there to look at the damage */
	if (!st->must_exist)
		*fault = health_check(st);
	/* only now: the statements need the tables */
	if (*fault == HEALTH_GOOD && statement_prepare_all(st) == -1)
		*fault = health_of_error(st);
	if (*fault == HEALTH_GOOD && read_database_epoch(st) == -1)
		*fault = HEALTH_DAMAGED;
	/* rows with our slot as their owner were left by a process that died, but the slot counts
	 * as alive again: release its polls and make its streams overdue before maintenance looks.
	 * It is also the first that is written */
	if (*fault == HEALTH_GOOD &&
	    statement_exec(st, Q_DISOWN, "i", slots_own(st->slots)) == -1 && !st->must_exist)
		*fault = health_of_error(st);
}

/* Log what is to become of the database that is there.  Return whether it may be replaced. */
static bool
database_may_replace(const struct store *st, enum health_fault fault, bool useless)
{
	if (st->must_exist) {
		errno = 0;
		health_complain(st,
		    "%s is from another boot or version, or damaged; a server "
		    "that starts, or runs, will replace it",
		    st->path);
		return false;
	}
	if (fault == HEALTH_GOOD) {
		log_info("store %s: from another boot or version; made anew", st->path);
		return true;
	}
	/* a disk may be full for a moment: those who have the database in use will see */
	if (fault == HEALTH_OTHER ||
	    (fault != HEALTH_DAMAGED && !useless && !slots_alone(st->slots))) {
		errno = 0;
		health_complain(
		    st, "cannot open the database %s: %s", st->path, sqlite3_errmsg(st->db));
		return false;
	}
	log_warnx("store %s: %s; made anew, all its sessions end", st->path, st->health.why);
	return true;
}

static void
database_note_files(struct store *st)
{
	char path[600];

	for (int i = 0; i < DATABASE_FILES; i++) {
		database_path(st, (enum database_file)i, path);
		st->database_id[i] = file_identify(path);
		/* made by an earlier version, or before the group was set */
		(void)chmod(path, st->mode);
	}
}

bool
database_is_there(const struct store *st)
{
	char path[600];

	for (int i = 0; i < DATABASE_FILES; i++) {
		database_path(st, (enum database_file)i, path);
		if (!file_is(path, st->database_id[i]))
			return false;
	}
	return true;
}

int64_t
database_file_bytes(const struct store *st, enum database_file file)
{
	struct stat sb;
	char path[600];

	database_path(st, file, path);
	return stat(path, &sb) == 0 ? sb.st_size : 0;
}

int64_t
database_bytes(const struct store *st)
{
	int64_t bytes = 0;

	for (int i = 0; i < DATABASE_FILES; i++)
		bytes += database_file_bytes(st, (enum database_file)i);
	return bytes;
}

int
database_schema(void)
{
	return SCHEMA_VERSION;
}

enum database_opened
database_open(struct store *st, bool useless)
{
	struct stat sb;
	bool exists = stat(st->path, &sb) == 0 && sb.st_size > 0, current = false;
	enum health_fault fault = useless ? st->health.fault : HEALTH_GOOD;

	/* with must_exist never connect to a missing file: SQLite would create it */
	if (!exists && st->must_exist) {
		health_complain(st, "cannot find %s", st->path);
		return DATABASE_FAILED;
	}
	/* files that SQLite makes beside it get its rights */
	(void)chmod(st->path, st->mode);
	if (exists && !useless)
		database_examine(st, &current, &fault);
	if (!current || fault != HEALTH_GOOD) {
		if (exists && !database_may_replace(st, fault, useless))
			return DATABASE_FAILED;
		if (database_recreate(st, fault == HEALTH_GOOD || fault == HEALTH_DAMAGED) == -1 ||
		    statement_prepare_all(st) == -1 || read_database_epoch(st) == -1)
			return DATABASE_FAILED;
		current = false;
	}
	/* by their names, after connecting: what database_is_there() will compare with */
	database_note_files(st);
	return current ? DATABASE_OPENED : fault == HEALTH_GOOD ? DATABASE_MADE : DATABASE_MENDED;
}

void
database_close(struct store *st)
{
	statement_finalize_all(st); /* or sqlite3_close() refuses */
	sqlite3_close(st->db);
	st->db = NULL;
	st->in_transaction = false;
}
