#include "shared/store/carried.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/store/internal.h"
#include "shared/store/slots.h"

/* The condition says which rows: those that are sound, and of use now, ?1, ms since 1970. */
static const struct carried_table {
	const char *name, *rows;
} carried_tables[] = {
    {"mailbox", "until > ?1 AND typeof(id) = 'integer' AND typeof(uid) = 'integer' AND "
		"typeof(user) = 'text'"
		" AND typeof(ns) = 'text' AND typeof(until) = 'integer' AND typeof(packet) = 'blob'"
		" AND typeof(bytes) = 'integer' AND bytes > 0 AND shared IN (0, 1)"},
    {"history_room",
	"typeof(ns) = 'text' AND typeof(room) = 'text' AND next - first BETWEEN 0 AND"
	" 10000 AND configured >= 0 AND asked >= 0 AND bytes >= 0 AND typeof(used) = 'integer'"},
    {"history_message", "chan IN (SELECT chan FROM main.history_room)"
			" AND typeof(except_key) = 'integer' AND typeof(payload) = 'blob'"},
};

enum aside_file {
	ASIDE_MAIN,
	ASIDE_WAL,
	ASIDE_SHM,
	ASIDE_FILES
};

/* What SQLite calls the file of a database, and where it is set aside. */
static void
aside_paths(const struct store *st, enum aside_file file, char from[600], char to[600])
{
	static const char *const suffixes[ASIDE_FILES] = {"", "-wal", "-shm"};

	snprintf(from, 600, "%s%s", st->path, suffixes[file]);
	snprintf(to, 600, "%s-old%s", st->path, suffixes[file]);
}

static bool
is_aside(const struct store *st)
{
	char from[600], to[600];
	struct stat sb;

	aside_paths(st, ASIDE_MAIN, from, to);
	return stat(to, &sb) == 0 && sb.st_size > 0;
}

void
carried_set_aside(const struct store *st)
{
	char from[600], to[600];

	/* a program that was killed here has left them: what is there now has no rows yet */
	if (is_aside(st))
		return;
	carried_delete(st);
	/* not the index of the write-ahead log, which SQLite makes anew from that */
	for (int i = ASIDE_WAL; i >= ASIDE_MAIN; i--) {
		aside_paths(st, (enum aside_file)i, from, to);
		(void)rename(from, to);
	}
}

void
carried_delete(const struct store *st)
{
	char from[600], to[600];

	for (int i = 0; i < ASIDE_FILES; i++) {
		aside_paths(st, (enum aside_file)i, from, to);
		if (i != ASIDE_SHM)
			(void)truncate(to, 0); /* see unlink_database() */
		(void)unlink(to);
	}
}

void
carried_give_up(const struct store *st)
{
	if (is_aside(st))
		log_warnx("store %s: there is no room for what the database before kept for "
			  "users, and it is given up",
		    st->path);
	carried_delete(st);
}

/* --- copying -------------------------------------------------------------------------------- */

static int
run_text(struct store *st, const char *sql)
{
	return sqlite3_exec(st->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

/* Run a statement for its one row, with a text and a number bound if it has them.  Return the
 * number in it, or -1. */
static int64_t
ask_number(struct store *st, const char *sql, const char *text, int64_t number)
{
	sqlite3_stmt *q = NULL;
	int64_t n = -1;

	if (sqlite3_prepare_v2(st->db, sql, -1, &q, NULL) != SQLITE_OK)
		return -1;
	if (text != NULL)
		sqlite3_bind_text(q, 1, text, -1, SQLITE_STATIC);
	else if (sqlite3_bind_parameter_count(q) > 0)
		sqlite3_bind_int64(q, 1, number);
	if (sqlite3_step(q) == SQLITE_ROW)
		n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

/* 1: the old database has the table, with the same columns; 0: it has none of this name, or another
 * one; -1: it cannot be read. */
static int64_t
has_same_table(struct store *st, const char *name)
{
	return ask_number(st,
	    "SELECT EXISTS(SELECT 1 FROM old.sqlite_master WHERE type = 'table' AND name = ?1) AND"
	    " (SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk)"
	    " FROM pragma_table_info(?1, 'old')) ="
	    " (SELECT group_concat(name || ' ' || type || ' ' || \"notnull\" || ' ' || pk)"
	    " FROM pragma_table_info(?1, 'main'))",
	    name, 0);
}

/* Whether the pages of the table are sound. */
static bool
is_table_sound(struct store *st, const char *name)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT quick_check = 'ok' FROM pragma_quick_check('%s', 'old')",
	    name);
	return ask_number(st, sql, NULL, 0) == 1;
}

/* Return the number of rows, or -1: nothing was copied. */
static int64_t
copy_table(struct store *st, const struct carried_table *table)
{
	int64_t same = has_same_table(st, table->name);
	char sql[600];
	sqlite3_stmt *q = NULL;
	bool copied = false;

	if (same != 1)
		return same;
	if (!is_table_sound(st, table->name) || run_text(st, "SAVEPOINT carried") == -1)
		return -1;
	snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO main.%s SELECT * FROM old.%s WHERE %s",
	    table->name, table->name, table->rows);
	if (sqlite3_prepare_v2(st->db, sql, -1, &q, NULL) == SQLITE_OK) {
		sqlite3_bind_int64(q, 1, clock_wall_ms());
		copied = sqlite3_step(q) == SQLITE_DONE;
	}
	sqlite3_finalize(q);
	if (!copied)
		(void)run_text(st, "ROLLBACK TO carried");
	(void)run_text(st, "RELEASE carried");
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM main.%s", table->name);
	return copied ? ask_number(st, sql, NULL, 0) : -1;
}

bool
carried_open(struct store *st)
{
	sqlite3_stmt *q = NULL;
	char from[600], to[600];
	bool opened = false;

	if (!is_aside(st))
		return false;
	aside_paths(st, ASIDE_MAIN, from, to);
	if (sqlite3_prepare_v2(st->db, "ATTACH ?1 AS old", -1, &q, NULL) == SQLITE_OK) {
		sqlite3_bind_text(q, 1, to, -1, SQLITE_STATIC);
		opened = sqlite3_step(q) == SQLITE_DONE;
	}
	sqlite3_finalize(q);
	if (!opened)
		log_warnx("store %s: the database before cannot be read, and what it kept for "
			  "users is given up: %s",
		    st->path, sqlite3_errmsg(st->db));
	return opened;
}

void
carried_copy(struct store *st)
{
	slots_set_mailbox_empty(st->slots, false);
	for (size_t i = 0; i < sizeof(carried_tables) / sizeof(carried_tables[0]); i++) {
		const struct carried_table *table = &carried_tables[i];
		int64_t n = copy_table(st, table);

		if (n > 0)
			log_info("store %s: %lld rows of the table %s are carried over", st->path,
			    (long long)n, table->name);
		else if (n == -1)
			log_warnx(
			    "store %s: the table %s of the database before cannot be read, and "
			    "is given up",
			    st->path, table->name);
	}
}

void
carried_close(struct store *st)
{
	(void)run_text(st, "DETACH old");
}
