/* actions.db (shared/store/action_queue.h): rows are done once across the crash of their leader, and
 * whatever other programs do to the file costs only a row's time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/store/action_queue.h"
#include "shared/store/store.h"
#include "tests/unit/folder.h"

struct folder {
	char path[64];
	struct store *st;  /* of the leader */
	sqlite3 *stranger; /* who inserts */
	char rows[256];    /* what the last list had: "1:a 2:b " */
	int64_t first, last;
};

static void
path_in(const struct folder *f, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", f->path, name);
}

static sqlite3 *
connect_to(const struct folder *f, const char *name)
{
	char path[128];
	sqlite3 *db;

	path_in(f, name, path);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	return db;
}

static void
sql(sqlite3 *db, const char *text)
{
	if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", text, sqlite3_errmsg(db));
}

static int
open_leader(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	snprintf(f->path, sizeof(f->path), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->st = store_open(f->path, "", 1, false);
	assert_non_null(f->st);
	assert_true(action_queue_lead(f->st));
	f->stranger = connect_to(f, "actions.db");
	*state = f;
	return 0;
}

static int
close_leader(void **state)
{
	struct folder *f = *state;

	sqlite3_close(f->stranger);
	store_close(f->st);
	delete_folder(f->path);
	free(f);
	return 0;
}

static void
add_row(void *arg, int64_t id, struct slice json)
{
	struct folder *f = arg;
	size_t n = strlen(f->rows);

	snprintf(
	    f->rows + n, sizeof(f->rows) - n, "%lld:%.*s ", (long long)id, (int)json.n, json.p);
	if (f->first == 0)
		f->first = id;
	f->last = id;
}

static const char *
list_rows(struct folder *f)
{
	f->rows[0] = '\0';
	f->first = 0;
	action_queue_list(f->st, 100, 1000, add_row, f);
	return f->rows;
}

/* What a turn does with the rows of the last list, up to its commit. */
static void
note_rows(struct folder *f)
{
	assert_int_equal(store_begin(f->st, 1000), 0);
	assert_int_equal(action_queue_note(f->st, f->first, f->last), 0);
	assert_int_equal(store_commit(f->st), 0);
}

static int64_t
count_rows(struct folder *f)
{
	sqlite3_stmt *q;
	int64_t n;

	assert_int_equal(
	    sqlite3_prepare_v2(f->stranger, "SELECT count(*) FROM action_in", -1, &q, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	n = sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return n;
}

/* The leader dies, and another process takes over. */
static void
change_leader(struct folder *f)
{
	store_close(f->st);
	f->st = store_open(f->path, "", 1, false);
	assert_non_null(f->st);
	assert_true(action_queue_lead(f->st));
}

static void
rows_come_in_order_until_they_are_done(void **state)
{
	struct folder *f = *state;

	assert_true(action_queue_has_changed(f->st));
	assert_string_equal(list_rows(f), "");
	assert_false(action_queue_has_changed(f->st));
	sql(f->stranger, "INSERT INTO action_in(json) VALUES('a'), ('b')");
	assert_true(action_queue_has_changed(f->st));
	assert_string_equal(list_rows(f), "1:a 2:b ");
	assert_string_equal(list_rows(f), "1:a 2:b ");
	note_rows(f);
	action_queue_settled(f->st);
	assert_string_equal(list_rows(f), "");
	assert_int_equal(count_rows(f), 0);
	sql(f->stranger, "INSERT INTO action_in(json) VALUES('c')");
	assert_string_equal(list_rows(f), "3:c "); /* no id comes twice */
}

static void
a_batch_that_was_rolled_back_comes_again(void **state)
{
	struct folder *f = *state;

	sql(f->stranger, "INSERT INTO action_in(json) VALUES('a')");
	list_rows(f);
	assert_int_equal(store_begin(f->st, 1000), 0);
	assert_int_equal(action_queue_note(f->st, f->first, f->last), 0);
	store_rollback(f->st);
	assert_string_equal(list_rows(f), "1:a ");
	change_leader(f);
	assert_string_equal(list_rows(f), "1:a ");
}

static void
a_crash_before_the_deletion_repeats_nothing(void **state)
{
	struct folder *f = *state;

	sql(f->stranger, "INSERT INTO action_in(json) VALUES('a'), ('b')");
	list_rows(f);
	note_rows(f);
	sql(f->stranger, "INSERT INTO action_in(json) VALUES('c')");
	change_leader(f);
	assert_string_equal(list_rows(f), "3:c ");
	assert_int_equal(count_rows(f), 1);
}

static void
a_note_of_another_file_hides_no_row(void **state)
{
	struct folder *f = *state;
	char path[128];

	sql(f->stranger, "INSERT INTO action_in(json) VALUES('a'), ('b')");
	list_rows(f);
	note_rows(f);
	path_in(f, "actions.db", path);
	assert_int_equal(unlink(path), 0);
	change_leader(f);
	sqlite3_close(f->stranger);
	f->stranger = connect_to(f, "actions.db");
	sql(f->stranger, "INSERT INTO action_in(json) VALUES('new')");
	assert_string_equal(list_rows(f), "1:new ");
}

static void
a_lock_of_another_program_costs_no_time(void **state)
{
	static const char *const locks[] = {"BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"};
	struct folder *f = *state;

	for (size_t i = 0; i < sizeof(locks) / sizeof(locks[0]); i++) {
		int64_t begin = clock_ms();

		sql(f->stranger, "INSERT INTO action_in(json) VALUES('a')");
		sql(f->stranger, locks[i]);
		assert_true(action_queue_lead(f->st));
		assert_true(action_queue_has_changed(f->st));
		assert_int_not_equal(list_rows(f)[0], '\0');
		note_rows(f);
		action_queue_settled(f->st); /* cannot delete it */
		assert_string_equal(list_rows(f), "");
		assert_true(action_queue_lead(f->st));
		assert_in_range(clock_ms() - begin, 0, 1000);
		/* what comes meanwhile is done, too, and the first ones not twice */
		sql(f->stranger, "INSERT INTO action_in(json) VALUES('b')");
		sql(f->stranger, "COMMIT");
		assert_int_equal(count_rows(f), 2);
		assert_string_equal(list_rows(f), i == 0 ? "2:b " : "4:b ");
		note_rows(f);
		action_queue_settled(f->st);
		assert_int_equal(count_rows(f), 0);
	}
}

static void
a_lock_while_it_is_opened_is_waited_for_outside(void **state)
{
	struct folder *f = *state;
	int64_t begin;

	sql(f->stranger, "INSERT INTO action_in(json) VALUES('a')");
	store_close(f->st);
	sql(f->stranger, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE");
	f->st = store_open(f->path, "", 1, false);
	begin = clock_ms();
	assert_false(action_queue_lead(f->st));
	assert_in_range(clock_ms() - begin, 0, 1000);
	sqlite3_close(f->stranger);
	f->stranger = NULL;
	assert_true(action_queue_lead(f->st));
	assert_string_equal(list_rows(f), "1:a ");
}

static void
write_over(struct folder *f, const char *text)
{
	char path[128];
	FILE *file;

	sqlite3_close(f->stranger);
	store_close(f->st);
	path_in(f, "actions.db", path);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(ftruncate(fileno(file), (long)strlen(text)), 0);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	f->st = store_open(f->path, "", 1, false);
}

static void
assert_works(struct folder *f)
{
	assert_true(action_queue_lead(f->st));
	sqlite3_close(f->stranger);
	f->stranger = connect_to(f, "actions.db");
	sql(f->stranger, "INSERT INTO action_in(json) VALUES('works')");
	assert_true(action_queue_has_changed(f->st));
	assert_string_equal(list_rows(f), "1:works ");
}

static void
a_damaged_file_is_made_anew(void **state)
{
	struct folder *f = *state;

	write_over(f, "SQLite format 3 was here, and a long text of something else is now, "
		      "longer than the hundred bytes that a database begins with");
	f->stranger = NULL;
	assert_works(f);
	write_over(f, "");
	f->stranger = NULL;
	assert_works(f);
}

static void
a_database_of_something_else_is_made_anew(void **state)
{
	struct folder *f = *state;

	sql(f->stranger, "DROP TABLE identity; CREATE TABLE mine(x)");
	change_leader(f);
	assert_works(f);
}

static void
a_table_that_goes_while_it_is_open_comes_back(void **state)
{
	struct folder *f = *state;

	sql(f->stranger, "DROP TABLE action_in");
	assert_true(action_queue_lead(f->st));
	action_queue_has_changed(f->st);
	list_rows(f);
	assert_works(f);
}

static void
a_file_that_goes_while_it_is_open_comes_back(void **state)
{
	struct folder *f = *state;
	char path[128];

	path_in(f, "actions.db", path);
	assert_int_equal(unlink(path), 0);
	assert_works(f);
}

static void
nobody_has_more_rights_than_on_the_lock_file(void **state)
{
	static const char *const names[] = {"actions.db", "actions.db-wal", "actions.db-shm"};
	struct folder *f = *state;
	struct stat lock, sb;
	char path[128];

	sql(f->stranger, "INSERT INTO action_in(json) VALUES('a')");
	path_in(f, "lock", path);
	assert_int_equal(stat(path, &lock), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_in(f, names[i], path);
		assert_int_equal(stat(path, &sb), 0);
		assert_int_equal(sb.st_mode & 0777, lock.st_mode & 0777);
	}
}

static void
who_writes_to_the_old_table_is_told_where_it_is_now(void **state)
{
	struct folder *f = *state;
	sqlite3 *db = connect_to(f, "pollux.db");

	assert_int_not_equal(
	    sqlite3_exec(db, "INSERT INTO action_in(json) VALUES('a')", NULL, NULL, NULL),
	    SQLITE_OK);
	assert_non_null(strstr(sqlite3_errmsg(db), "actions.db"));
	sqlite3_close(db);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_leader, close_leader)
	const struct CMUnitTest tests[] = {
	    TEST(rows_come_in_order_until_they_are_done),
	    TEST(a_batch_that_was_rolled_back_comes_again),
	    TEST(a_crash_before_the_deletion_repeats_nothing),
	    TEST(a_note_of_another_file_hides_no_row),
	    TEST(a_lock_of_another_program_costs_no_time),
	    TEST(a_lock_while_it_is_opened_is_waited_for_outside),
	    TEST(a_damaged_file_is_made_anew),
	    TEST(a_database_of_something_else_is_made_anew),
	    TEST(a_table_that_goes_while_it_is_open_comes_back),
	    TEST(a_file_that_goes_while_it_is_open_comes_back),
	    TEST(nobody_has_more_rights_than_on_the_lock_file),
	    TEST(who_writes_to_the_old_table_is_told_where_it_is_now),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
