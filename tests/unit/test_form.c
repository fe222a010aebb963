#include "shared/wire/form.h"

#include "tests/unit/exact.h"

struct example {
	struct slice form;
	struct slice raw;   /* the first `d`; p NULL when missing */
	struct slice plain; /* decoded */
};

/* What browsers post (measured with clients 0.7 to 0.9), and malformed forms. */
static const struct example examples[] = {
    {TEXT("d=3%3A1%3A%3Aone%0D%0Atwo"), TEXT("3%3A1%3A%3Aone%0D%0Atwo"), TEXT("3:1::one\r\ntwo")},
    {TEXT("d=%223%3A1%3A%3Aone%5Cntwo%22"), TEXT("%223%3A1%3A%3Aone%5Cntwo%22"),
	TEXT("\"3:1::one\\ntwo\"")},
    {TEXT("d=a+b%2Bc"), TEXT("a+b%2Bc"), TEXT("a b+c")},
    {TEXT("d=%EF%BF%BD5%ef%bf%bd3:::a"), TEXT("%EF%BF%BD5%ef%bf%bd3:::a"),
	TEXT("\xef\xbf\xbd"
	     "5\xef\xbf\xbd"
	     "3:::a")},
    {TEXT("d=3:::raw \xe2\x98\x83"), TEXT("3:::raw \xe2\x98\x83"), TEXT("3:::raw \xe2\x98\x83")},
    {TEXT("d=%00%ff"), TEXT("%00%ff"), TEXT("\0\xff")},
    /* the first of two; among other fields; a name that ends the same */
    {TEXT("d=1&d=2"), TEXT("1"), TEXT("1")},
    {TEXT("x=0&dd=1&&d=2&y"), TEXT("2"), TEXT("2")},
    {TEXT("d=a=b"), TEXT("a=b"), TEXT("a=b")},
    /* a percent sign that escapes nothing */
    {TEXT("d=100%"), TEXT("100%"), TEXT("100%")},
    {TEXT("d=%4"), TEXT("%4"), TEXT("%4")},
    {TEXT("d=%4x%x4%%41"), TEXT("%4x%x4%%41"), TEXT("%4x%x4%A")},
    /* empty values */
    {TEXT("d="), TEXT(""), TEXT("")},
    {TEXT("d"), TEXT(""), TEXT("")},
    {TEXT("&d&"), TEXT(""), TEXT("")},
    /* missing */
    {TEXT(""), {NULL, 0}, {NULL, 0}},
    {TEXT("&&"), {NULL, 0}, {NULL, 0}},
    {TEXT("=d"), {NULL, 0}, {NULL, 0}},
    {TEXT("D=1"), {NULL, 0}, {NULL, 0}},
    {TEXT("3:::a"), {NULL, 0}, {NULL, 0}},
};

static void
finds_and_decodes_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		const struct example *e = &examples[i];
		char *copy = exact(e->form, e->form.n);
		struct slice raw;
		struct buf plain;

		buf_init(&plain, 0);
		if (form_field((struct slice){copy, e->form.n}, "d", &raw)) {
			assert_non_null(e->raw.p);
			assert_slice(raw, e->raw, e->form);
			form_decode(&plain, raw);
			assert_false(plain.failed);
			assert_slice(buf_slice(&plain), e->plain, e->form);
		} else {
			assert_null(e->raw.p);
		}
		buf_free(&plain);
		free(copy);
	}
}

static void
values_of_any_cut_lie_inside_it_and_never_grow(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		for (size_t n = 0; n <= examples[i].form.n; n++) {
			char *copy = exact(examples[i].form, n);
			struct slice raw;
			struct buf plain;

			buf_init(&plain, 0);
			if (form_field((struct slice){copy, n}, "d", &raw) && raw.n > 0) {
				assert_true(raw.p >= copy && raw.p + raw.n <= copy + n);
				form_decode(&plain, raw);
				assert_true(plain.n <= raw.n);
			}
			buf_free(&plain);
			free(copy);
		}
	}
}

static void
decoding_stops_at_the_ceiling(void **state)
{
	struct buf plain;

	(void)state;
	buf_init(&plain, 4);
	form_decode(&plain, SLICE("abcd"));
	assert_false(plain.failed);
	form_decode(&plain, SLICE("e"));
	assert_true(plain.failed);
	assert_int_equal(plain.n, 4);
	buf_free(&plain);
}

static void
walks_the_pairs_of_a_query(void **state)
{
	struct slice rest = SLICE("&a=1&&b&c==x=&=d&"), whole = rest, key, value;
	static const struct slice keys[] = {TEXT("a"), TEXT("b"), TEXT("c"), TEXT("")};
	static const struct slice values[] = {TEXT("1"), {NULL, 0}, TEXT("=x="), TEXT("d")};

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		assert_true(form_next(&rest, &key, &value));
		assert_slice(key, keys[i], whole);
		assert_slice(value, values[i], whole);
		assert_int_equal(value.p == NULL, values[i].p == NULL);
	}
	assert_false(form_next(&rest, &key, &value));
	assert_false(form_next(&rest, &key, &value));
}

static void
a_form_is_told_by_its_type_and_measured_by_what_it_holds(void **state)
{
	(void)state;
	assert_true(form_is_type(SLICE("application/x-www-form-urlencoded")));
	assert_true(form_is_type(SLICE("Application/X-WWW-Form-Urlencoded; charset=UTF-8")));
	assert_false(form_is_type(SLICE("application/x-www-form")));
	assert_false(form_is_type(SLICE("text/plain")));
	assert_false(form_is_type((struct slice){NULL, 0}));
	assert_int_equal(form_body_max(1), strlen("d=%22%33%22"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_form_is_told_by_its_type_and_measured_by_what_it_holds),
	    cmocka_unit_test(finds_and_decodes_as_the_table_says),
	    cmocka_unit_test(values_of_any_cut_lie_inside_it_and_never_grow),
	    cmocka_unit_test(decoding_stops_at_the_ceiling),
	    cmocka_unit_test(walks_the_pairs_of_a_query),
	};

	return cmocka_run_group_tests_name("form", tests, NULL, NULL);
}
