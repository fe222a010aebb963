/* damage: spoils a database as a bad disk would: pages of it, by number from 1 on.  Or changes it as
 * another program would. */
#ifndef POLLUX_TESTS_DAMAGE_H
#define POLLUX_TESTS_DAMAGE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

/* As any program may, on a connection of its own. */
static inline void
run_sql(const char *path, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* The same in the database of this data folder. */
static inline void
change_database(const char *folder, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/pollux.db", folder);
	run_sql(path, text);
}

/* Bring everything that is in the WAL into the file, where it can be spoilt. */
static inline void
checkpoint(const char *path)
{
	run_sql(path, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static inline int
page_count(const char *path)
{
	struct stat sb;

	assert_int_equal(stat(path, &sb), 0);
	return (int)(sb.st_size / PAGE);
}

static inline void
damage_page(const char *path, int page)
{
	char junk[PAGE];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	memset(junk, 0xa5, sizeof(junk));
	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, junk, PAGE, (off_t)(page - 1) * PAGE), PAGE);
	close(fd);
}

/* The page at which a table begins. */
static inline int
root_page(const char *path, const char *table)
{
	sqlite3 *db;
	sqlite3_stmt *q;
	int page;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
			     "SELECT rootpage FROM sqlite_schema WHERE name = ?1", -1, &q, NULL),
	    SQLITE_OK);
	sqlite3_bind_text(q, 1, table, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	page = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	return page;
}

#endif
