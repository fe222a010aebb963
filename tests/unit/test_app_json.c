/* JSON as an application in C reads and builds it (pollux.h), and the cookies of a request. */
#include <float.h>
#include <math.h>

#include "shared/wire/cookie.h"
#include "shared/wire/json.h"
#include "tests/unit/testapp.h"

/* A name with its length, NULs inside. */
#define N(literal) literal, sizeof(literal) - 1

/* --- reading --------------------------------------------------------------------------------- */

static void
read_scalars(struct world *w, sio_socket *s, const sio_event *e)
{
	static const char *const whole[] = {"0", "-0", "42", " -7 ", "5.0", "1e3", "12e-1x"};
	static const int64_t wholes[] = {0, 0, 42, -7, 5, 1000};
	static const char *const none[] = {"1.5", "1e300", "9223372036854775808", "true", "\"5\"",
	    "", "[5]", "05", "0x10", "+1", "NaN", "1e-1", NULL};
	int64_t i = 77;
	double d = 7.5;
	bool b = true;

	(void)w;
	(void)e;
	for (size_t k = 0; k < 6; k++) {
		assert_true(sio_integer(s, whole[k], &i));
		assert_int_equal(i, wholes[k]);
	}
	assert_false(sio_integer(s, whole[6], &i));
	assert_true(sio_integer(s, "9223372036854775807", &i));
	assert_true(i == INT64_MAX);
	assert_true(sio_integer(s, "-9223372036854775808", &i));
	assert_true(i == INT64_MIN);
	for (size_t k = 0; k < sizeof(none) / sizeof(none[0]); k++)
		assert_false(sio_integer(s, none[k], &i));
	assert_true(i == INT64_MIN);

	assert_true(sio_number(s, "1.10", &d));
	assert_true(fabs(d - 1.1) < 1e-15);
	assert_true(sio_number(s, "-2E-3", &d));
	assert_true(fabs(d + 0.002) < 1e-15);
	assert_true(sio_number(s, "1e-999", &d));
	d = 7.5;
	assert_false(sio_number(s, "1E400", &d)); /* a client may send it */
	assert_false(sio_number(s, "\"1\"", &d));
	assert_false(sio_number(s, NULL, &d));
	assert_true(d > 7.4 && d < 7.6);

	assert_true(sio_bool(s, "false", &b));
	assert_false(b);
	assert_true(sio_bool(s, " true", &b));
	assert_true(b);
	assert_false(sio_bool(s, "0", &b));
	assert_false(sio_bool(s, "null", &b));
	assert_false(sio_bool(s, NULL, &b));
	assert_true(b);

	assert_int_equal(sio_kind(s, "null"), SIO_NULL);
	assert_int_equal(sio_kind(s, "true"), SIO_BOOL);
	assert_int_equal(sio_kind(s, "1"), SIO_NUMBER);
	assert_int_equal(sio_kind(s, "\"\""), SIO_STRING);
	assert_int_equal(sio_kind(s, "[]"), SIO_ARRAY);
	assert_int_equal(sio_kind(s, "{}"), SIO_OBJECT);
	assert_int_equal(sio_kind(s, "{"), SIO_NOT_JSON);
	assert_int_equal(sio_kind(s, NULL), SIO_NOT_JSON);
}

static void
read_lists(struct world *w, sio_socket *s, const sio_event *e)
{
	const char *const *list;
	size_t n = 77;

	(void)w;
	(void)e;
	assert_int_equal(sio_length(s, "[]"), 0);
	assert_int_equal(sio_length(s, "[1,[2,3],{\"a\":4}]"), 3);
	assert_int_equal(sio_length(s, "{}"), -EINVAL);
	assert_int_equal(sio_length(s, "[1"), -EINVAL);
	assert_int_equal(sio_length(s, NULL), -EINVAL);
	list = sio_elements(s, "[ 1.10 ,\"a,b\",[ ],{}]", &n);
	assert_int_equal(n, 4);
	assert_string_equal(list[0], "1.10");
	assert_string_equal(list[1], "\"a,b\"");
	assert_string_equal(list[2], "[ ]");
	assert_string_equal(list[3], "{}");
	assert_non_null(sio_elements(s, "[]", &n));
	assert_int_equal(n, 0);
	n = 77;
	assert_null(sio_elements(s, "1", &n));
	assert_int_equal(n, 0);
	assert_null(sio_elements(s, NULL, &n));
}

static void
read_objects(struct world *w, sio_socket *s, const sio_event *e)
{
	static const char object[] =
	    "{\"a\":1, \"b\" : {\"a\":2} ,\"a\":1.10,\"\\u00e4\":\"x\",\"\":[],"
	    "\"a\\u0000b\":3,\"\\ud800\":4}";
	const sio_field *fields;
	size_t n = 77;

	(void)w;
	(void)e;
	assert_string_equal(sio_member(s, object, "a"), "1.10"); /* the last one, as sent */
	assert_string_equal(sio_member(s, sio_member(s, object, "b"), "a"), "2");
	assert_string_equal(sio_member(s, object, "\xc3\xa4"), "\"x\"");
	assert_string_equal(sio_member(s, object, ""), "[]");
	assert_null(sio_member(s, object, "c"));
	assert_null(sio_member(s, object, NULL));
	assert_null(sio_member(s, "[]", "a"));
	assert_null(sio_member(s, "{\"a\":1", "a"));
	assert_null(sio_member(s, NULL, "a"));
	assert_string_equal(sio_member_n(s, object, N("a\0b")), "3");
	assert_null(sio_member_n(s, object, N("a\0c")));
	fields = sio_members(s, object, &n);
	assert_int_equal(n, 6);
	assert_string_equal(fields[0].name, "a");
	assert_string_equal(fields[0].value, "1");
	assert_string_equal(fields[3].name, "\xc3\xa4");
	assert_int_equal(fields[3].name_n, 2);
	assert_string_equal(fields[4].name, "");
	assert_string_equal(fields[5].name, "\xef\xbf\xbd");
	fields = sio_members_n(s, object, &n);
	assert_int_equal(n, 7);
	assert_int_equal(fields[5].name_n, 3);
	assert_memory_equal(fields[5].name, "a\0b", 4);
	assert_string_equal(fields[5].value, "3");
	assert_non_null(sio_members(s, "{}", &n));
	assert_int_equal(n, 0);
	n = 77;
	assert_null(sio_members(s, "[1]", &n));
	assert_int_equal(n, 0);
	assert_null(sio_members_n(s, NULL, &n));
}

/* Every reader on every cut, and every changed byte, of a text in memory of exactly its size. */
static void
read_damaged(struct world *w, sio_socket *s, const sio_event *e)
{
	static const char text[] = "[{\"a\\u0041\":[1.5,true,\"\\ud83d\"],\"b\":null},-1e5]";
	static const char bytes[] = "\"\\{}[],:x1\xff";
	const size_t whole = sizeof(text) - 1;
	double d;
	int64_t i;
	bool b;
	size_t n;

	(void)w;
	(void)e;
	for (size_t cut = 0; cut <= whole * sizeof(bytes); cut++) {
		size_t length = cut <= whole ? cut : whole;
		char *copy = calloc(1, length + 1);

		memcpy(copy, text, length);
		if (cut > whole)
			copy[cut % whole] = bytes[cut / whole % (sizeof(bytes) - 1)];
		sio_number(s, sio_arg(s, copy, 1), &d);
		sio_integer(s, copy, &i);
		sio_bool(s, sio_arg(s, sio_member(s, sio_arg(s, copy, 0), "aA"), 1), &b);
		sio_members_n(s, sio_arg(s, copy, 0), &n);
		sio_elements(s, copy, &n);
		if (n > 0)
			assert_int_not_equal(sio_kind(s, copy), SIO_NOT_JSON);
		free(copy);
	}
}

static void
json_is_read(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	run(w, 0, &c, read_scalars);
	run(w, 0, &c, read_lists);
	run(w, 0, &c, read_objects);
	run(w, 0, &c, read_damaged);
}

/* --- building -------------------------------------------------------------------------------- */

static void
build_all_kinds(struct world *w, sio_socket *s, const sio_event *e)
{
	sio_builder *b = sio_build(s), *other = sio_build(s);

	(void)w;
	(void)e;
	sio_build_array(b);
	sio_build_object(b);
	sio_build_name(b, "ni\"ck");
	sio_build_text(b, "b\xc3\xb6"
			  "b\n");
	sio_build_name_n(b, N("a\0b"));
	sio_build_text_n(b, N("\0"));
	sio_build_name(b, "list");
	sio_build_array(b);
	sio_build_array(b);
	sio_build_end(b);
	sio_build_integer(b, INT64_MIN);
	sio_build_number(b, 0.1);
	sio_build_number(b, (double)INFINITY);
	sio_build_bool(b, true);
	sio_build_bool(b, false);
	sio_build_text(b, NULL);
	sio_build_json(b, NULL);
	sio_build_json(b, " {\"pi\": 3.140} ");
	sio_build_end(b);
	sio_build_end(b);
	sio_build_text(other, "alone");
	sio_build_end(b);
	assert_string_equal(sio_built(b),
	    "[{\"ni\\\"ck\":\"b\xc3\xb6"
	    "b\\n\",\"a\\u0000b\":\"\\u0000\",\"list\":[[],"
	    "-9223372036854775808,0.1,null,true,false,null,null,{\"pi\": 3.140}]}]");
	assert_ptr_equal(sio_built(b), sio_built(b));
	assert_string_equal(sio_built(other), "\"alone\"");
	assert_int_equal(sio_emit(s, "built", sio_built(b)), 0);
	assert_int_equal(sio_set(s, "v", sio_built(other)), 0);
}

/* What is done wrong, by a letter each: [ { and . open and end, n is a name, 1 a value, ! a text that
 * is not UTF-8, ? one that is not JSON, = the text is taken. */
static const char *const mistakes[] = {"", "[", "{", "[.11", "11", ".", "[..", "{1.", "{n.",
    "{nn1.", "[n1.", "n", "{!.", "[!.", "[?.", "[?1.", "?", "[.=[.", "1=1", "{n1", "{n[}", NULL};

static void
build_wrong(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	for (size_t i = 0; mistakes[i] != NULL; i++) {
		sio_builder *b = sio_build(s);

		for (const char *p = mistakes[i]; *p != '\0'; p++) {
			if (*p == '[')
				sio_build_array(b);
			else if (*p == '{')
				sio_build_object(b);
			else if (*p == '.')
				sio_build_end(b);
			else if (*p == 'n')
				sio_build_name(b, "n");
			else if (*p == '1')
				sio_build_integer(b, 1);
			else if (*p == '!')
				sio_build_text_n(b, "\xff", 1);
			else if (*p == '?')
				sio_build_json(b, "1,2");
			else if (*p == '=')
				sio_built(b);
		}
		assert_int_equal(sio_kind(s, sio_built(b)), SIO_NOT_JSON);
		assert_int_equal(sio_emit(s, "x", sio_built(b)), -EINVAL);
		/* and stays so */
		sio_build_array(b);
		sio_build_end(b);
		assert_int_equal(sio_json(s, sio_built(b)), -EINVAL);
	}
	assert_int_equal(sio_json(s, sio_built(NULL)), -EINVAL);
	sio_build_text(NULL, "nothing");
}

/* As deep as JSON may be, and deeper, by itself and by a text put into it. */
static void
build_deep(struct world *w, sio_socket *s, const sio_event *e)
{
	(void)w;
	(void)e;
	for (int depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		sio_builder *b = sio_build(s), *outer = sio_build(s);
		int expected = depth == JSON_DEPTH_MAX ? 0 : -EINVAL;

		for (int i = 0; i < depth; i++)
			sio_build_array(b);
		for (int i = 0; i < depth; i++)
			sio_build_end(b);
		assert_int_equal(sio_set(s, "deep", sio_built(b)), expected);
		sio_build_array(outer);
		sio_build_json(outer, sio_built(b));
		sio_build_end(outer);
		assert_int_equal(sio_set(s, "deep", sio_built(outer)), -EINVAL);
	}
}

/* Whatever calls come in whatever order: a text that is JSON, or one that no call takes. */
static void
build_at_random(struct world *w, sio_socket *s, const sio_event *e)
{
	unsigned seed = 4711;
	int good = 0;

	(void)w;
	(void)e;
	for (int i = 0; i < 20000; i++) {
		sio_builder *b = sio_build(s);
		const char *text;
		int n;

		seed = seed * 1103515245 + 12345;
		n = (int)(seed >> 16 & 7);
		for (int k = 0; k < n; k++) {
			seed = seed * 1103515245 + 12345;
			switch (seed >> 16 & 7) {
			case 0:
				sio_build_array(b);
				break;
			case 1:
				sio_build_object(b);
				break;
			case 2:
			case 3:
				sio_build_end(b);
				break;
			case 4:
				sio_build_name(b, "k");
				break;
			case 5:
				sio_build_text(b, "\\\"");
				break;
			case 6:
				sio_build_json(b, "[{}]");
				break;
			default:
				sio_build_number(b, -0.5);
			}
		}
		text = sio_built(b);
		good += text[0] != '(';
		assert_true((sio_kind(s, text) != SIO_NOT_JSON) == (text[0] != '('));
	}
	assert_true(good > 1000);
}

static void
json_is_built_or_refused(void **state)
{
	struct world *w = *state;
	struct client c;

	open_stream(w, 0, &c);
	run(w, 0, &c, build_all_kinds);
	assert_string_equal(c.sink.got,
	    "5:::{\"name\":\"built\",\"args\":[{\"ni\\\"ck\":\"b\xc3\xb6"
	    "b\\n\",\"a\\u0000b\":"
	    "\"\\u0000\",\"list\":[[],-9223372036854775808,0.1,null,true,false,null,null,"
	    "{\"pi\": 3.140}]}]} ");
	c.sink.got[0] = '\0';
	run(w, 0, &c, build_wrong);
	run(w, 0, &c, build_deep);
	run(w, 0, &c, build_at_random);
	assert_string_equal(c.sink.got, "");
}

/* --- cookies --------------------------------------------------------------------------------- */

static const struct {
	const char *header, *name, *value;
} cookies[] = {
    {"PHPSESSID=8f2", "PHPSESSID", "8f2"},
    {"a=b; PHPSESSID=8f2; c=d", "PHPSESSID", "8f2"},
    {"a=b;PHPSESSID=8f2;c=d", "PHPSESSID", "8f2"},
    {"  a = b ;\t c\t=\td ", "a", "b"},
    {"  a = b ;\t c\t=\td ", "c", "d"},
    {"a=1; a=2", "a", "1"},
    {"a=\"b c\"", "a", "b c"},
    {"a=\"", "a", "\""},
    {"a=\"\"", "a", ""},
    {"a=\"b", "a", "\"b"},
    {"a=", "a", ""},
    {"a=x=y==", "a", "x=y=="},
    {"a=%20b+", "a", "%20b+"},
    {"A=b", "a", NULL},
    {"aa=b; ba=c", "a", NULL},
    {"a", "a", NULL},
    {"a; a=b", "a", "b"},
    {"x=a=b", "a", NULL},
    {";;;=;a=b;", "a", "b"},
    {"=b", "", "b"},
    {"", "a", NULL},
    {"a=\"b\"; c=d", "c", "d"},
};

static void
a_cookie_is_found_by_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cookies) / sizeof(cookies[0]); i++) {
		struct slice header = slice_of(cookies[i].header), value;
		bool found;

		/* whatever the cut: nothing outside of the header */
		for (size_t n = 0; n <= header.n; n++) {
			char *exact = malloc(n + (n == 0));

			memcpy(exact, header.p, n);
			found = cookie_find(
			    (struct slice){exact, n}, slice_of(cookies[i].name), &value);
			assert_true(!found || (value.p >= exact && value.p + value.n <= exact + n));
			free(exact);
		}
		found = cookie_find(header, slice_of(cookies[i].name), &value);
		assert_int_equal(found, cookies[i].value != NULL);
		if (found)
			assert_true(slice_is(value, cookies[i].value));
	}
}

static void
read_cookies(struct world *w, sio_socket *s, const sio_event *e)
{
	const sio_handshake *h = sio_socket_handshake(s);

	(void)w;
	(void)e;
	assert_string_equal(sio_cookie(h, "sid"), "8f2");
	assert_string_equal(sio_cookie(h, "theme"), "dark");
	assert_null(sio_cookie(h, "a"));
	assert_null(sio_cookie(h, NULL));
}

static void
a_handler_reads_the_cookies_of_its_client(void **state)
{
	struct world *w = *state;
	struct client c;

	shake_hands(w, 0, &c, "{\"headers\":{\"cookie\":\"sid=8f2; theme=\\\"dark\\\"\"}}");
	attach(w, 0, &c, true);
	run(w, 0, &c, read_cookies);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(json_is_read),
	    TEST(json_is_built_or_refused),
	    cmocka_unit_test(a_cookie_is_found_by_its_name),
	    TEST(a_handler_reads_the_cookies_of_its_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
