/* The keys of the publishing interface: what is read, who is found, how often it may come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/transport/publish_keys.h"
#include "tests/unit/folder.h"

/* SHA-256 of "test" and of "other" */
#define TEST  "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define OTHER "D9298A10D1B0735837DC4BD85DAC641B0F3CEF27A47E5D53A54F2F3F5B2FCFFA"

static void
keys_are_found_by_what_was_hashed(void **state)
{
	struct publish_keys *keys =
	    publish_keys_open("a:publish,read:" TEST "  b:admin:" OTHER, NULL);
	struct publish_key *key;

	(void)state;
	assert_non_null(keys);
	key = publish_keys_find(keys, SLICE("test"));
	assert_string_equal(key->name, "a");
	assert_int_equal(key->scopes, PUBLISH_WRITE | PUBLISH_READ);
	key = publish_keys_find(keys, SLICE("other"));
	assert_string_equal(key->name, "b");
	assert_int_equal(key->scopes, PUBLISH_WRITE | PUBLISH_READ | PUBLISH_ADMIN);
	assert_null(publish_keys_find(keys, SLICE("tes")));
	assert_null(publish_keys_find(keys, SLICE(TEST)));
	assert_null(publish_keys_find(keys, (struct slice){NULL, 0}));
	publish_keys_close(keys);
}

static void
what_is_no_key_is_refused(void **state)
{
	static const char *const wrong[] = {"a", "a:publish", "a:publish:", ":publish:" TEST,
	    "a::" TEST, "a:write:" TEST, "a:publish,:" TEST, "a:publish:" TEST "0",
	    "a:publish:x" TEST, "a:publish:" TEST ":x", "a:read:" TEST " b",
	    "a-name-that-is-longer-than-31-bytes:read:" TEST};
	struct publish_keys *none = publish_keys_open("", NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_null(publish_keys_open(wrong[i], NULL));
	assert_non_null(none);
	assert_null(publish_keys_find(none, SLICE("test")));
	publish_keys_close(none);
}

static void
a_key_may_come_at_its_rate(void **state)
{
	struct publish_key key = {.scopes = PUBLISH_READ};
	int taken = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		taken += publish_keys_take(&key, 10, 5000);
	assert_int_equal(taken, 10);
	assert_false(publish_keys_take(&key, 10, 5099));
	assert_true(publish_keys_take(&key, 10, 5100));
	assert_false(publish_keys_take(&key, 10, 5101));
	taken = 0;
	for (int i = 0; i < 20; i++) /* a long silence saves up one second's worth */
		taken += publish_keys_take(&key, 10, 900000);
	assert_int_equal(taken, 10);
}

/* As `pollux key` does. */
static void
replace_keys_file(const char *folder, const char *text)
{
	char path[PUBLISH_KEYS_PATH_MAX], fresh[PUBLISH_KEYS_PATH_MAX + 8];
	FILE *file;

	publish_keys_path(path, folder);
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	file = fopen(fresh, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void
a_key_that_the_file_has_no_more_is_not_found_by_its_name(void **state)
{
	char folder[] = "/tmp/pollux-test-XXXXXX";
	struct publish_key wanted;
	struct publish_keys *keys;

	(void)state;
	assert_non_null(mkdtemp(folder));
	replace_keys_file(folder, "cron:read:" TEST "\nother:read:" OTHER "\n");
	assert_int_equal(publish_keys_parse(&wanted, SLICE("cron:read:" TEST)), 0);
	keys = publish_keys_open("", folder);
	assert_non_null(keys);
	assert_non_null(publish_keys_named(keys, SLICE("cron"), wanted.hash));
	assert_null(publish_keys_named(keys, SLICE("other"), wanted.hash));
	/* nobody sends a key meanwhile: a login at the status page asks by the name alone */
	replace_keys_file(folder, "other:read:" OTHER "\n");
	assert_null(publish_keys_named(keys, SLICE("cron"), wanted.hash));
	publish_keys_close(keys);
	delete_folder(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys_are_found_by_what_was_hashed),
	    cmocka_unit_test(what_is_no_key_is_refused),
	    cmocka_unit_test(a_key_may_come_at_its_rate),
	    cmocka_unit_test(a_key_that_the_file_has_no_more_is_not_found_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
