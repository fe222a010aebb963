#include "shared/wire/route.h"

#include "shared/base/buf.h"
#include "tests/unit/exact.h"

#define SID "4HORyPf2BtnJeOMqmPjQ"

static const struct {
	struct slice target;
	enum route_kind kind;
	enum transport_id transport;
	struct slice sid;
} routes[] = {
    /* clang-format off */
    {TEXT("/socket.io"), ROUTE_WELCOME, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/"), ROUTE_WELCOME, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/?a=1"), ROUTE_WELCOME, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io?a=/1/"), ROUTE_WELCOME, TRANSPORT_NONE, TEXT("")},
    {TEXT(""), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("*"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.i"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.iofoo"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.iofoo/1/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/Socket.io/1/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("socket.io/1/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("//socket.io/1/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/x/socket.io/1/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/?/socket.io/1/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},

    {TEXT("/socket.io/1"), ROUTE_HANDSHAKE, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1/"), ROUTE_HANDSHAKE, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1?t=1"), ROUTE_HANDSHAKE, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1/?t=1"), ROUTE_HANDSHAKE, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1/xhr-polling"), ROUTE_HANDSHAKE, TRANSPORT_XHR_POLLING, TEXT("")},
    {TEXT("/socket.io/1/xhr-polling/"), ROUTE_HANDSHAKE, TRANSPORT_XHR_POLLING, TEXT("")},

    {TEXT("/socket.io/2/"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/2/xhr-polling/x"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1.0/"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/01/"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/0x1/"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/0/"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/abc"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/%31/"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/socket.io.js"), ROUTE_BAD_VERSION, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io//1/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io//1/xhr-polling/" SID), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},

    {TEXT("/socket.io/1/websocket/" SID), ROUTE_TRANSPORT, TRANSPORT_WEBSOCKET, TEXT(SID)},
    {TEXT("/socket.io/1/websocket/" SID "/"), ROUTE_TRANSPORT, TRANSPORT_WEBSOCKET, TEXT(SID)},
    {TEXT("/socket.io/1/websocket/" SID "/?t=1"), ROUTE_TRANSPORT, TRANSPORT_WEBSOCKET, TEXT(SID)},
    {TEXT("/socket.io/1//websocket/" SID), ROUTE_TRANSPORT, TRANSPORT_WEBSOCKET, TEXT(SID)},
    {TEXT("/socket.io/1/flashsocket/x"), ROUTE_TRANSPORT, TRANSPORT_FLASHSOCKET, TEXT("x")},
    {TEXT("/socket.io/1/htmlfile/x"), ROUTE_TRANSPORT, TRANSPORT_HTMLFILE, TEXT("x")},
    {TEXT("/socket.io/1/xhr-polling/x?t=1"), ROUTE_TRANSPORT, TRANSPORT_XHR_POLLING, TEXT("x")},
    {TEXT("/socket.io/1/jsonp-polling/x"), ROUTE_TRANSPORT, TRANSPORT_JSONP_POLLING, TEXT("x")},
    {TEXT("/socket.io/1/xhr-multipart/x"), ROUTE_TRANSPORT, TRANSPORT_XHR_MULTIPART, TEXT("x")},
    {TEXT("/socket.io/1/bogus/" SID), ROUTE_TRANSPORT, TRANSPORT_NONE, TEXT(SID)},
    {TEXT("/socket.io/1/XHR-Polling/x"), ROUTE_TRANSPORT, TRANSPORT_NONE, TEXT("x")},

    {TEXT("/socket.io/1//" SID "/?disconnect=1"), ROUTE_SESSION, TRANSPORT_NONE, TEXT(SID)},
    {TEXT("/socket.io/1//" SID), ROUTE_SESSION, TRANSPORT_NONE, TEXT(SID)},
    {TEXT("/socket.io/1/" SID), ROUTE_SESSION, TRANSPORT_NONE, TEXT(SID)},
    {TEXT("/socket.io/1/" SID "/"), ROUTE_SESSION, TRANSPORT_NONE, TEXT(SID)},

    {TEXT("/socket.io/1/a/b/c"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1/a/b//"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1/a//b"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1/a//"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("/socket.io/1///a"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},

    /* the absolute form */
    {TEXT("http://h:80/socket.io/1/?t=1"), ROUTE_HANDSHAKE, TRANSPORT_NONE, TEXT("")},
    {TEXT("https://h/socket.io/1/xhr-polling/x"), ROUTE_TRANSPORT, TRANSPORT_XHR_POLLING, TEXT("x")},
    {TEXT("http://h"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("http://h?/socket.io/1/"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    {TEXT("http://"), ROUTE_NOT_FOUND, TRANSPORT_NONE, TEXT("")},
    /* clang-format on */
};

static void
routes_as_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(routes); i++) {
		char *copy = exact(routes[i].target, routes[i].target.n);
		struct route r;

		route_parse(&r, (struct slice){copy, routes[i].target.n}, "socket.io");
		if (r.kind != routes[i].kind || r.transport != routes[i].transport)
			fail_msg("%s: kind %d, transport %d", routes[i].target.p, (int)r.kind,
			    (int)r.transport);
		assert_slice(r.sid, routes[i].sid, routes[i].target);
		free(copy);
	}
}

static void
any_cut_is_read_inside_its_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(routes); i++) {
		for (size_t n = 0; n <= routes[i].target.n; n++) {
			char *copy = exact(routes[i].target, n);
			struct route r;

			route_parse(&r, (struct slice){copy, n}, "socket.io");
			assert_true(
			    r.sid.n == 0 || (r.sid.p > copy && r.sid.p + r.sid.n <= copy + n));
			free(copy);
		}
	}
}

static void
the_resource_may_have_slashes(void **state)
{
	struct route r;

	(void)state;
	route_parse(&r, SLICE("/app/socket.io/1/"), "app/socket.io");
	assert_int_equal(r.kind, ROUTE_HANDSHAKE);
	route_parse(&r, SLICE("/socket.io/1/"), "app/socket.io");
	assert_int_equal(r.kind, ROUTE_NOT_FOUND);
	route_parse(&r, SLICE("/app"), "app/socket.io");
	assert_int_equal(r.kind, ROUTE_NOT_FOUND);
}

static const struct {
	struct slice query;
	bool disconnect, has_jsonp;
	unsigned jsonp, index;
} queries[] = {
    {TEXT(""), false, false, 0, 0},
    {TEXT("t1312200250539"), false, false, 0, 0},
    {TEXT("token=letmein&t=1&jsonp=0"), false, true, 0, 0},
    {TEXT("t=1&jsonp=12&i=7"), false, true, 12, 7},
    {TEXT("jsonp=4294967295"), false, true, 4294967295, 0},
    {TEXT("jsonp=4294967296"), false, false, 0, 0},
    {TEXT("jsonp=00000000001"), false, false, 0, 0},
    {TEXT("jsonp="), false, false, 0, 0},
    {TEXT("jsonp"), false, false, 0, 0},
    {TEXT("jsonp=1x"), false, false, 0, 0},
    {TEXT("jsonp=-1"), false, false, 0, 0},
    {TEXT("jsonp=%31"), false, false, 0, 0},
    {TEXT("jsonp=1&jsonp=alert(1)"), false, false, 1, 0},
    {TEXT("i=1&i=x"), false, false, 0, 0},
    {TEXT("disconnect"), true, false, 0, 0},
    {TEXT("disconnect="), true, false, 0, 0},
    {TEXT("disconnect=True"), true, false, 0, 0},
    {TEXT("t=1&&disconnect=1&"), true, false, 0, 0},
    {TEXT("xdisconnect=1&disconnects"), false, false, 0, 0},
};

static void
reads_the_keys_of_the_query(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		struct buf target;
		struct route r;

		buf_init(&target, 0);
		buf_puts(&target, "/socket.io/1/?");
		buf_add_slice(&target, queries[i].query);
		route_parse(&r, buf_slice(&target), "socket.io");
		assert_int_equal(r.kind, ROUTE_HANDSHAKE);
		assert_slice(r.query, queries[i].query, queries[i].query);
		if (r.disconnect != queries[i].disconnect || r.index != queries[i].index ||
		    r.has_jsonp != queries[i].has_jsonp ||
		    (r.has_jsonp && r.jsonp != queries[i].jsonp))
			fail_msg("%s", queries[i].query.p);
		buf_free(&target);
	}
}

static void
the_origin_form_has_no_scheme_and_host(void **state)
{
	static const struct {
		struct slice target, path;
	} forms[] = {
	    {TEXT("/a?b=c"), TEXT("/a?b=c")},
	    {TEXT("//a"), TEXT("//a")},
	    {TEXT("/a?to=http://h/b"), TEXT("/a?to=http://h/b")},
	    {TEXT("http://h:80/a?b=c"), TEXT("/a?b=c")},
	    {TEXT("https://[::1]:443/"), TEXT("/")},
	    {TEXT("http:///a"), TEXT("/a")},
	    {TEXT("http://h"), TEXT("")},
	    {TEXT("http://h?/a"), TEXT("")},
	    {TEXT("http:/h/a/b"), TEXT("")},
	    {TEXT("a/b/c/d"), TEXT("")},
	    {TEXT("*"), TEXT("")},
	    {TEXT(""), TEXT("")},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		char *copy = exact(forms[i].target, forms[i].target.n);

		assert_slice(route_origin_form((struct slice){copy, forms[i].target.n}),
		    forms[i].path, forms[i].target);
		free(copy);
	}
}

static void
transports_have_names(void **state)
{
	(void)state;
	for (int id = TRANSPORT_NONE + 1; id < TRANSPORT_COUNT; id++) {
		const char *name = route_transport_name((enum transport_id)id);

		assert_non_null(name);
		assert_int_equal(route_transport_by_name(slice_of(name)), id);
	}
	assert_null(route_transport_name(TRANSPORT_NONE));
	assert_null(route_transport_name(TRANSPORT_COUNT));
	assert_int_equal(route_transport_by_name(SLICE("")), TRANSPORT_NONE);
	assert_int_equal(route_transport_by_name(SLICE("websocke")), TRANSPORT_NONE);
	assert_int_equal(route_transport_by_name(SLICE("websocket ")), TRANSPORT_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(routes_as_the_table_says),
	    cmocka_unit_test(any_cut_is_read_inside_its_bounds),
	    cmocka_unit_test(the_resource_may_have_slashes),
	    cmocka_unit_test(reads_the_keys_of_the_query),
	    cmocka_unit_test(the_origin_form_has_no_scheme_and_host),
	    cmocka_unit_test(transports_have_names),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
