/* The table of what users who are away have missed, and what of a database outlives it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/store/mailbox.h"
#include "shared/store/session_row.h"
#include "shared/store/store.h"
#include "tests/unit/damage.h"
#include "tests/unit/folder.h"

#define KEY 7

struct boxes {
	char folder[64];
	struct store *st;
	int64_t now; /* ms since 1970 */
	struct mailbox_limits limits;
	char got[4096]; /* what waits, as read last */
	int64_t dropped;
	bool kept;
};

static void
open_again(struct boxes *b)
{
	b->st = store_open(b->folder, "", 1, false);
	assert_non_null(b->st);
	assert_int_equal(store_begin(b->st, 1000), 0);
}

static int
open_boxes(void **state)
{
	struct boxes *b = calloc(1, sizeof(*b));

	snprintf(b->folder, sizeof(b->folder), "/tmp/pollux-test-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	b->now = clock_wall_ms();
	b->limits = (struct mailbox_limits){.messages = 3, .bytes = 1000, .total_bytes = 2000};
	open_again(b);
	*state = b;
	return 0;
}

static int
close_boxes(void **state)
{
	struct boxes *b = *state;

	store_close(b->st);
	delete_folder(b->folder);
	free(b);
	return 0;
}

static void
keep(struct boxes *b, const char *user, const char *ns, const char *packet)
{
	struct mailbox_mail mail = {.user = slice_of(user),
	    .ns = slice_of(ns),
	    .packet = slice_of(packet),
	    .until = b->now + 60000};

	assert_int_equal(mailbox_add(b->st, &mail, &b->limits, &b->kept, &b->dropped), 0);
	assert_true(!b->kept || mail.uid > 0);
}

static void
add_got(void *arg, int64_t uid, struct slice packet)
{
	struct boxes *b = arg;
	size_t n = strlen(b->got);

	assert_true(uid > 0);
	snprintf(b->got + n, sizeof(b->got) - n, "%.*s ", (int)packet.n, packet.p);
}

/* What waits for the user in this namespace. */
static const char *
waiting(struct boxes *b, const char *user, const char *ns)
{
	b->got[0] = '\0';
	(void)session_row_create(b->st, KEY, SLICE("sid"), INT64_MAX, SLICE("::1"), SLICE("{}"));
	assert_int_equal(session_row_set_user(b->st, KEY, slice_of(user)), 0);
	assert_int_not_equal(mailbox_list(b->st, KEY, slice_of(ns), b->now, add_got, b), -1);
	return b->got;
}

static void
a_user_has_what_was_kept_by_namespace_in_order(void **state)
{
	struct boxes *b = *state;
	int64_t messages, bytes;

	keep(b, "42", "", "one");
	keep(b, "42", "/chat", "two");
	keep(b, "43", "", "three");
	keep(b, "42", "", "four");
	assert_true(b->kept && b->dropped == 0);
	assert_string_equal(waiting(b, "42", ""), "one four ");
	assert_int_equal(mailbox_delete(b->st, KEY, SLICE("")), 0);
	assert_string_equal(waiting(b, "42", ""), "");
	assert_string_equal(waiting(b, "42", "/chat"), "two ");
	assert_string_equal(waiting(b, "43", ""), "three ");
	assert_string_equal(waiting(b, "4", ""), "");
	assert_int_equal(mailbox_total(b->st, &messages, &bytes), 0);
	assert_int_equal(messages, 2);
	assert_int_equal(bytes, 2 * MAILBOX_ROW_BYTES + 10 + 7);
	/* its time is up */
	assert_int_equal(mailbox_is_old(b->st, b->now), 0);
	b->now += 60000;
	assert_string_equal(waiting(b, "43", ""), "");
	assert_int_equal(mailbox_is_old(b->st, b->now), 1);
	assert_int_equal(mailbox_expire(b->st, b->now), 0);
	assert_int_equal(mailbox_is_old(b->st, b->now), 0);
	assert_int_equal(mailbox_total(b->st, &messages, &bytes), 0);
	assert_true(messages == 0 && bytes == 0);
}

static void
who_has_too_much_loses_the_oldest(void **state)
{
	struct boxes *b = *state;
	char large[1001];

	keep(b, "43", "", "a");
	keep(b, "42", "", "1");
	keep(b, "42", "/chat", "2");
	keep(b, "42", "", "3");
	assert_int_equal(b->dropped, 0);
	keep(b, "42", "", "4");
	assert_true(b->kept && b->dropped == 1);
	assert_string_equal(waiting(b, "42", ""), "3 4 ");
	/* bytes */
	memset(large, 'x', 500);
	large[500] = '\0';
	keep(b, "42", "", large);
	assert_int_equal(b->dropped, 1);
	keep(b, "42", "", large);
	assert_true(b->kept && b->dropped == 3);
	assert_int_equal(strlen(waiting(b, "42", "")), 501);
	/* one that could never have room */
	memset(large, 'x', 1000);
	large[1000] = '\0';
	keep(b, "42", "", large);
	assert_true(!b->kept && b->dropped == 0);
	assert_int_equal(strlen(waiting(b, "42", "")), 501);
	assert_string_equal(waiting(b, "43", ""), "a ");
	b->limits.messages = 0;
	keep(b, "44", "", "x");
	assert_false(b->kept);
}

static void
all_users_together_have_a_limit_and_nobody_loses_another_ones(void **state)
{
	struct boxes *b = *state;

	b->limits.total_bytes = 3 * (MAILBOX_ROW_BYTES + 3);
	keep(b, "41", "", "1");
	keep(b, "42", "", "2");
	keep(b, "43", "", "3");
	assert_true(b->kept);
	keep(b, "44", "", "4"); /* has nothing that could make room */
	assert_true(!b->kept && b->dropped == 0);
	keep(b, "42", "", "5");
	assert_true(b->kept && b->dropped == 1);
	assert_string_equal(waiting(b, "42", ""), "5 ");
	assert_string_equal(waiting(b, "41", ""), "1 ");
	assert_string_equal(waiting(b, "43", ""), "3 ");
	assert_string_equal(waiting(b, "44", ""), "");
}

/* --- what outlives a database --------------------------------------------------------------- */

static void
close_for_a_while(struct boxes *b)
{
	assert_int_equal(store_commit(b->st), 0);
	store_close(b->st);
	b->st = NULL;
}

static bool
file_exists(const struct boxes *b, const char *name)
{
	char path[128];
	struct stat sb;

	snprintf(path, sizeof(path), "%s/%s", b->folder, name);
	return stat(path, &sb) == 0;
}

static void
what_was_kept_survives_a_reboot_and_another_version(void **state)
{
	struct boxes *b = *state;
	int64_t messages, bytes;
	char epoch[32];

	keep(b, "42", "", "one");
	keep(b, "42", "", "two");
	for (int i = 0; i < 2; i++) {
		snprintf(epoch, sizeof(epoch), "%s", store_epoch(b->st));
		close_for_a_while(b);
		change_database(b->folder, i == 0 ? "UPDATE meta SET v = 'before' WHERE k = 'boot'"
						  : "UPDATE meta SET v = '1' WHERE k = 'schema'");
		open_again(b);
		assert_string_not_equal(store_epoch(b->st), epoch);
		assert_string_equal(waiting(b, "42", ""), "one two ");
		assert_int_equal(mailbox_total(b->st, &messages, &bytes), 0);
		assert_int_equal(messages, 2);
		assert_false(file_exists(b, "pollux.db-old"));
		assert_false(file_exists(b, "pollux.db-old-wal"));
		assert_false(file_exists(b, "pollux.db-old-shm"));
	}
	/* not what is too old by now */
	close_for_a_while(b);
	change_database(b->folder, "UPDATE mailbox SET until = 5 WHERE packet = x'6f6e65';"
				   "UPDATE meta SET v = 'before' WHERE k = 'boot'");
	open_again(b);
	assert_string_equal(waiting(b, "42", ""), "two ");
}

static void
nobody_looks_for_mail_while_there_is_none_at_all(void **state)
{
	struct boxes *b = *state;

	/* not known before a process has looked */
	assert_false(mailbox_is_empty(b->st));
	assert_int_equal(mailbox_note_empty(b->st), 1);
	assert_true(mailbox_is_empty(b->st));
	/* what is not kept changes nothing that matters, what is kept is told at once */
	keep(b, "42", "", "one");
	assert_false(mailbox_is_empty(b->st));
	assert_int_equal(mailbox_note_empty(b->st), 0);
	assert_false(mailbox_is_empty(b->st));
	assert_string_equal(waiting(b, "42", ""), "one ");
	assert_int_equal(mailbox_delete(b->st, KEY, SLICE("")), 0);
	assert_false(mailbox_is_empty(b->st));
	assert_int_equal(mailbox_note_empty(b->st), 1);
	assert_true(mailbox_is_empty(b->st));
}

static void
mail_that_is_carried_over_is_found(void **state)
{
	struct boxes *b = *state;
	struct store *other;

	keep(b, "42", "", "one");
	close_for_a_while(b);
	/* the shared memory says so of a database that is replaced */
	change_database(b->folder, "DELETE FROM mailbox");
	open_again(b);
	assert_int_equal(mailbox_note_empty(b->st), 1);
	assert_int_equal(store_commit(b->st), 0);
	change_database(b->folder,
	    "INSERT INTO mailbox VALUES(1, 1, '42', '', 9000000000000, 10, 0, x'74776f');"
	    "UPDATE meta SET v = 'before' WHERE k = 'boot'");
	/* which a program does that starts meanwhile */
	other = store_open(b->folder, "", 1, false);
	assert_non_null(other);
	assert_false(mailbox_is_empty(other));
	store_close(b->st);
	b->st = other;
	assert_int_equal(store_begin(other, 1000), 0);
	assert_string_equal(waiting(b, "42", ""), "two ");
}

static void
a_table_that_is_not_ours_is_left(void **state)
{
	static const char *const others[] = {
	    "DROP TABLE mailbox",
	    "ALTER TABLE mailbox ADD COLUMN more TEXT",
	    "DROP TABLE mailbox; CREATE VIEW mailbox AS SELECT 1 AS id",
	    "DROP TABLE meta",
	    "UPDATE mailbox SET until = 'soon', packet = 'text'",
	};
	struct boxes *b = *state;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char sql[256];

		keep(b, "42", "", "one");
		close_for_a_while(b);
		change_database(b->folder, "UPDATE meta SET v = 'before' WHERE k = 'boot'");
		snprintf(sql, sizeof(sql), "%s", others[i]);
		change_database(b->folder, sql);
		open_again(b);
		assert_string_equal(waiting(b, "42", ""), strstr(sql, "meta") ? "one " : "");
		assert_int_equal(mailbox_delete(b->st, KEY, SLICE("")), 0);
	}
}

/* Whichever page of the old database is spoilt: it starts, and has what was kept or not. */
static void
damage_costs_what_was_kept_at_most(void **state)
{
	struct boxes *b = *state;
	char path[128];
	int pages, survived = 0;

	snprintf(path, sizeof(path), "%s/pollux.db", b->folder);
	close_for_a_while(b);
	checkpoint(path);
	pages = page_count(path);
	for (int page = 1; page <= pages; page++) {
		open_again(b);
		assert_int_equal(mailbox_delete(b->st, KEY, SLICE("")), 0);
		keep(b, "42", "", "one");
		close_for_a_while(b);
		checkpoint(path);
		if (page % 2 == 0)
			change_database(b->folder, "UPDATE meta SET v = 'before' WHERE k = 'boot'");
		checkpoint(path);
		damage_page(path, page);
		open_again(b);
		if (strcmp(waiting(b, "42", ""), "one ") == 0)
			survived++;
		else
			assert_string_equal(b->got, "");
		close_for_a_while(b);
	}
	assert_true(survived > pages / 2 && survived < pages);
	open_again(b);
}

/* As a start that is killed leaves it. */
static void
set_database_aside(struct boxes *b)
{
	char from[128], to[128];

	close_for_a_while(b);
	snprintf(from, sizeof(from), "%s/pollux.db", b->folder);
	snprintf(to, sizeof(to), "%s/pollux.db-old", b->folder);
	checkpoint(from);
	assert_int_equal(rename(from, to), 0);
}

static void
what_a_killed_start_has_set_aside_is_found(void **state)
{
	struct boxes *b = *state;

	keep(b, "42", "", "one");
	set_database_aside(b);
	open_again(b);
	assert_string_equal(waiting(b, "42", ""), "one ");
	assert_false(file_exists(b, "pollux.db-old"));
}

static void
what_was_set_aside_outlives_a_start_that_fails(void **state)
{
	struct boxes *b = *state;
	char wal[128];

	keep(b, "42", "", "one");
	set_database_aside(b);
	/* where the new database would have its log */
	snprintf(wal, sizeof(wal), "%s/pollux.db-wal", b->folder);
	(void)unlink(wal);
	assert_int_equal(mkdir(wal, 0700), 0);
	assert_null(store_open(b->folder, "", 1, false));
	assert_true(file_exists(b, "pollux.db-old"));
	assert_int_equal(rmdir(wal), 0);
	open_again(b);
	assert_string_equal(waiting(b, "42", ""), "one ");
	assert_false(file_exists(b, "pollux.db-old"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_boxes, close_boxes)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_user_has_what_was_kept_by_namespace_in_order),
	    TEST(who_has_too_much_loses_the_oldest),
	    TEST(all_users_together_have_a_limit_and_nobody_loses_another_ones),
	    TEST(what_was_kept_survives_a_reboot_and_another_version),
	    TEST(nobody_looks_for_mail_while_there_is_none_at_all),
	    TEST(mail_that_is_carried_over_is_found),
	    TEST(a_table_that_is_not_ours_is_left),
	    TEST(damage_costs_what_was_kept_at_most),
	    TEST(what_a_killed_start_has_set_aside_is_found),
	    TEST(what_was_set_aside_outlives_a_start_that_fails),
	};

	log_open("test_mailbox", LOG_LEVEL_ERROR, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
