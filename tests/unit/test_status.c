/* Parts of the status page that need no server: its sessions' ids, texts of clients, wrong keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

static void
an_id_says_whose_it_is(void **state)
{
	char sid[SID_LENGTH + 1];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(sid_generate(sid), 0);
		assert_false(sid_is_status(sid));
	}
	sid_set_number(sid, 4095);
	sid_mark_status(sid);
	assert_true(sid_is_status(sid));
	assert_true(sid_well_formed(slice_of(sid)));
	assert_int_equal(sid_number(slice_of(sid)), 4095);
	/* of another node's session none is known */
	assert_false(sid_is_status(""));
}

static void
a_text_is_cut_between_characters(void **state)
{
	static const struct {
		const char *text;
		size_t most;
		const char *written;
	} cases[] = {
	    {"room", 4, "\"room\""},
	    {"room", 3, "\"roo…\""},
	    {"\xc3\xa9\xc3\xa9", 4, "\"\xc3\xa9\xc3\xa9\""},
	    {"\xc3\xa9\xc3\xa9", 3, "\"\xc3\xa9…\""},
	    {"\xf0\x9f\x98\x80", 3, "\"…\""},
	    {"</script>\"\\\n", 20, "\"</script>\\\"\\\\\\n\""},
	    {"", 10, "\"\""},
	};
	struct json_value value;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf out = {.p = NULL};

		status_text_write(&out, slice_of(cases[i].text), cases[i].most);
		assert_int_equal(json_parse(&value, buf_slice(&out)), 0);
		assert_int_equal(out.n, strlen(cases[i].written));
		assert_memory_equal(out.p, cases[i].written, out.n);
		buf_free(&out);
	}
}

/* How many wrong keys an address may try at once. */
static int
try_keys(struct server *sv, const char *address)
{
	int n = 0;

	while (n < 100 && status_tries_allow(sv, slice_of(address))) {
		status_tries_count(sv, slice_of(address));
		n++;
	}
	return n;
}

static void
wrong_keys_cost_only_who_tries_them(void **state)
{
	struct server sv = {.now = 1000000};
	char address[32];

	(void)state;
	assert_int_equal(try_keys(&sv, "192.0.2.1"), 5);
	assert_int_equal(try_keys(&sv, "192.0.2.1"), 0);
	assert_int_equal(try_keys(&sv, "192.0.2.2"), 5);
	/* who has one address of a /64 has all of them */
	assert_int_equal(try_keys(&sv, "2001:db8::1"), 5);
	assert_int_equal(try_keys(&sv, "2001:db8::2"), 0);
	assert_int_equal(try_keys(&sv, "2001:db8:0:1::2"), 5);
	assert_int_equal(try_keys(&sv, ""), 5);
	sv.now += 10000;
	assert_int_equal(try_keys(&sv, "192.0.2.1"), 1);
	sv.now += 3600000;
	assert_int_equal(try_keys(&sv, "192.0.2.1"), 5);
	/* more addresses than are remembered: the one that has tried most is not the one forgotten */
	for (int i = 0; i < 2 * STATUS_TRIES; i++) {
		snprintf(address, sizeof(address), "198.51.100.%d", i);
		assert_true(status_tries_allow(&sv, slice_of(address)));
		status_tries_count(&sv, slice_of(address));
	}
	assert_int_equal(try_keys(&sv, "192.0.2.1"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_id_says_whose_it_is),
	    cmocka_unit_test(a_text_is_cut_between_characters),
	    cmocka_unit_test(wrong_keys_cost_only_who_tries_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
