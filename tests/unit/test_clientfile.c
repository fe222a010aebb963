#include "shared/wire/clientfile.h"

#include "tests/unit/exact.h"

static const struct {
	struct slice path;
	const char *name; /* NULL: not a client file */
	bool for_ever;
} names[] = {
    /* clang-format off */
    {TEXT("socket.io.js"), "socket.io.js", false},
    {TEXT("socket.io.min.js"), "socket.io.min.js", false},
    {TEXT("socket.io.v0.9.17.js"), "socket.io.js", true},
    {TEXT("socket.io.v0.9.16.min.js"), "socket.io.min.js", true},
    {TEXT("socket.io.v12.345.6.js"), "socket.io.js", true},
    {TEXT("socket.io+websocket.js"), "socket.io.js", false},
    {TEXT("socket.io+websocket+xhr-polling.js"), "socket.io.js", false},
    {TEXT("socket.io+websocket+xhr-polling.v0.9.17.js"), "socket.io.js", true},
    {TEXT("socket.io+jsonp-polling.v0.9.17.min.js"), "socket.io.min.js", true},
    {TEXT("socket.io+nonsense.js"), "socket.io.js", false},
    {TEXT("static/flashsocket/WebSocketMain.swf"), "WebSocketMain.swf", false},
    {TEXT("static/flashsocket/WebSocketMainInsecure.swf"), "WebSocketMainInsecure.swf", false},

    {TEXT(""), NULL, false},
    {TEXT("1"), NULL, false},
    {TEXT("1/"), NULL, false},
    {TEXT("socket.io"), NULL, false},
    {TEXT("socket.io."), NULL, false},
    {TEXT("socket.iojs"), NULL, false},
    {TEXT("socketxio.js"), NULL, false},
    {TEXT("Socket.io.js"), NULL, false},
    {TEXT("socket.io.js.gz"), NULL, false},
    {TEXT("socket.io.js/x"), NULL, false},
    {TEXT("lib/socket.io.js"), NULL, false},
    {TEXT("/socket.io.js"), NULL, false},
    {TEXT("../socket.io.js"), NULL, false},
    {TEXT("socket.io+.js"), NULL, false},
    {TEXT("socket.io++a.js"), NULL, false},
    {TEXT("socket.io+a+.js"), NULL, false},
    {TEXT("socket.io+../../etc/passwd.js"), NULL, false},
    {TEXT("socket.io+a/b.js"), NULL, false},
    {TEXT("socket.io+%61.js"), NULL, false},
    {TEXT("socket.io.v.js"), NULL, false},
    {TEXT("socket.io.v0.js"), NULL, false},
    {TEXT("socket.io.v0.9.js"), NULL, false},
    {TEXT("socket.io.v0.9..js"), NULL, false},
    {TEXT("socket.io.v0.9.x.js"), NULL, false},
    {TEXT("socket.io.v0.9.17.18.js"), NULL, false},
    {TEXT("socket.io.min.v0.9.17.js"), NULL, false},
    {TEXT("socket.io.min.min.js"), NULL, false},
    {TEXT("static/flashsocket/"), NULL, false},
    {TEXT("static/flashsocket/socket.io.js"), NULL, false},
    {TEXT("static/flashsocket/WebSocketMain.swf/"), NULL, false},
    {TEXT("static/flashsocket/WebSocketMain.swf.gz"), NULL, false},
    {TEXT("static/flashsocket/../WebSocketMain.swf"), NULL, false},
    {TEXT("static/WebSocketMain.swf"), NULL, false},
    /* clang-format on */
};

static void
names_mean_one_of_four_files_or_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct slice path = names[i].path;
		char *copy = exact(path, path.n);
		struct clientfile file = {.name = ""};
		bool found = clientfile_find(&file, (struct slice){copy, path.n});

		if (found != (names[i].name != NULL))
			print_slice("path", path);
		assert_int_equal(found, names[i].name != NULL);
		if (found) {
			bool script = strstr(names[i].name, ".js") != NULL;

			assert_string_equal(file.name, names[i].name);
			assert_int_equal(file.for_ever, names[i].for_ever);
			assert_int_equal(file.script, script);
			assert_string_equal(file.type,
			    script ? "application/javascript" : "application/x-shockwave-flash");
		}
		free(copy);
	}
}

static void
a_name_cut_anywhere_is_not_found(void **state)
{
	const struct slice whole = SLICE("socket.io+websocket.v0.9.17.min.js");

	(void)state;
	for (size_t n = 0; n < whole.n; n++) {
		char *copy = exact(whole, n);
		struct clientfile file;

		assert_false(clientfile_find(&file, (struct slice){copy, n}));
		free(copy);
	}
}

static const struct {
	struct slice accept;
	bool gzip;
} encodings[] = {
    {TEXT(""), false},
    {TEXT("gzip"), true},
    {TEXT("GZIP"), true},
    {TEXT("x-gzip"), true},
    {TEXT("gzip, deflate, br"), true},
    {TEXT("deflate,gzip"), true},
    {TEXT("deflate , gzip;q=0.5"), true},
    {TEXT("gzip;q=0.001"), true},
    {TEXT("gzip;q=0"), false},
    {TEXT("gzip; q=0.000, *"), false},
    {TEXT("*"), true},
    {TEXT("*;q=0"), false},
    {TEXT("identity"), false},
    {TEXT("gzipped"), false},
    {TEXT(",;,"), false},
};

static void
gzip_is_sent_to_clients_that_accept_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(encodings); i++) {
		struct slice accept = encodings[i].accept;
		char *copy = exact(accept, accept.n);

		if (clientfile_accepts_gzip((struct slice){copy, accept.n}) != encodings[i].gzip) {
			print_slice("Accept-Encoding", accept);
			fail();
		}
		free(copy);
	}
}

static const struct {
	struct slice list;
	bool has;
} tags[] = {
    {TEXT(""), false},
    {TEXT("\"1-2\""), true},
    {TEXT("W/\"1-2\""), true},
    {TEXT("\"x\", \"1-2\""), true},
    {TEXT("\"x\",W/\"1-2\" , \"y\""), true},
    {TEXT("*"), true},
    {TEXT("\"1-2"), false},
    {TEXT("1-2"), false},
    {TEXT("\"1-2-gz\""), false},
    {TEXT("w/\"1-2\""), false},
};

static void
an_entity_tag_is_found_in_a_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tags); i++) {
		struct slice list = tags[i].list;
		char *copy = exact(list, list.n);

		if (clientfile_has_tag((struct slice){copy, list.n}, SLICE("\"1-2\"")) !=
		    tags[i].has) {
			print_slice("If-None-Match", list);
			fail();
		}
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_mean_one_of_four_files_or_none),
	    cmocka_unit_test(a_name_cut_anywhere_is_not_found),
	    cmocka_unit_test(gzip_is_sent_to_clients_that_accept_it),
	    cmocka_unit_test(an_entity_tag_is_found_in_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
