#include "shared/wire/handshake_text.h"

#include "tests/unit/exact.h"

static void
writes_the_handshake_line(void **state)
{
	static const struct {
		int heartbeat, close;
		const char *line;
	} lines[] = {
	    {60, 60, "dyJYO-fSGE_kq9HqmPiK:60:60:websocket,xhr-polling"},
	    {15, 25, "dyJYO-fSGE_kq9HqmPiK:15:25:websocket,xhr-polling"},
	    {0, -5, "dyJYO-fSGE_kq9HqmPiK:1:1:websocket,xhr-polling"},
	    {2147484, 2147483647, "dyJYO-fSGE_kq9HqmPiK:2147483:2147483:websocket,xhr-polling"},
	};
	struct slice sid = SLICE("dyJYO-fSGE_kq9HqmPiK");
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	for (size_t i = 0; i < COUNT(lines); i++) {
		buf_clear(&out);
		handshake_text_write(
		    &out, sid, lines[i].heartbeat, lines[i].close, "websocket,xhr-polling");
		assert_slice(buf_slice(&out), slice_of(lines[i].line), sid);
	}
	/* with all six transports it must fit the buffer of the Arduino client */
	buf_clear(&out);
	handshake_text_write(&out, sid, 60, 60,
	    "websocket,flashsocket,htmlfile,xhr-polling,jsonp-polling,xhr-multipart");
	assert_true(out.n <= 118);
	buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_the_handshake_line),
	};

	return cmocka_run_group_tests_name("handshake_text", tests, NULL, NULL);
}
