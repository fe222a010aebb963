#include "shared/wire/packet.h"

#include "tests/unit/exact.h"

#define DIGITS_20 "99999999999999999999"

static const struct {
	struct slice in;
	enum packet_type type;
	struct slice id;
	bool ack_data;
	struct slice endpoint, data;
	bool no_data; /* no third colon */
} packets[] = {
    /* clang-format off */
    {TEXT("0::"), PACKET_DISCONNECT, TEXT(""), false, TEXT(""), TEXT(""), true},
    {TEXT("0"), PACKET_DISCONNECT, TEXT(""), false, TEXT(""), TEXT(""), true},
    {TEXT("0:"), PACKET_DISCONNECT, TEXT(""), false, TEXT(""), TEXT(""), true},
    {TEXT("2"), PACKET_HEARTBEAT, TEXT(""), false, TEXT(""), TEXT(""), true},
    {TEXT("2:"), PACKET_HEARTBEAT, TEXT(""), false, TEXT(""), TEXT(""), true},
    {TEXT("8"), PACKET_NOOP, TEXT(""), false, TEXT(""), TEXT(""), true},
    {TEXT("0::/chat"), PACKET_DISCONNECT, TEXT(""), false, TEXT("/chat"), TEXT(""), true},
    {TEXT("0:1:/chat"), PACKET_DISCONNECT, TEXT("1"), false, TEXT("/chat"), TEXT(""), true},
    {TEXT("1::/test:?my=param"), PACKET_CONNECT, TEXT(""), false, TEXT("/test"), TEXT("?my=param"), false},
    {TEXT("1::/test?my=param"), PACKET_CONNECT, TEXT(""), false, TEXT("/test?my=param"), TEXT(""), true},
    {TEXT("1::chat"), PACKET_CONNECT, TEXT(""), false, TEXT("chat"), TEXT(""), true},
    {TEXT("2:1::"), PACKET_HEARTBEAT, TEXT("1"), false, TEXT(""), TEXT(""), false},
    {TEXT("3::"), PACKET_MESSAGE, TEXT(""), false, TEXT(""), TEXT(""), true},
    {TEXT("3:::"), PACKET_MESSAGE, TEXT(""), false, TEXT(""), TEXT(""), false},
    {TEXT("3::::x"), PACKET_MESSAGE, TEXT(""), false, TEXT(""), TEXT(":x"), false},
    {TEXT("3:::a:b:c"), PACKET_MESSAGE, TEXT(""), false, TEXT(""), TEXT("a:b:c"), false},
    {TEXT("3:::a\0\nb"), PACKET_MESSAGE, TEXT(""), false, TEXT(""), TEXT("a\0\nb"), false},
    {TEXT("3:+::x"), PACKET_MESSAGE, TEXT(""), false, TEXT(""), TEXT("x"), false},
    {TEXT("3:007::x"), PACKET_MESSAGE, TEXT("007"), false, TEXT(""), TEXT("x"), false},
    {TEXT("3:" DIGITS_20 "::x"), PACKET_MESSAGE, TEXT(DIGITS_20), false, TEXT(""), TEXT("x"), false},
    {TEXT("4:1+::{}"), PACKET_JSON, TEXT("1"), true, TEXT(""), TEXT("{}"), false},
    {TEXT("5:1+:/chat:{\"name\":\"hi\"}"), PACKET_EVENT, TEXT("1"), true, TEXT("/chat"), TEXT("{\"name\":\"hi\"}"), false},
    {TEXT("6::/chat:7+[1]"), PACKET_ACK, TEXT(""), false, TEXT("/chat"), TEXT("7+[1]"), false},
    {TEXT("7:::1+0"), PACKET_ERROR, TEXT(""), false, TEXT(""), TEXT("1+0"), false},

    /* PHP and Android clients append colons */
    {TEXT("0:::"), PACKET_DISCONNECT, TEXT(""), false, TEXT(""), TEXT(""), false},
    {TEXT("1:::"), PACKET_CONNECT, TEXT(""), false, TEXT(""), TEXT(""), false},
    {TEXT("2:::"), PACKET_HEARTBEAT, TEXT(""), false, TEXT(""), TEXT(""), false},
    {TEXT("6:::1+[\"x\"]"), PACKET_ACK, TEXT(""), false, TEXT(""), TEXT("1+[\"x\"]"), false},
    /* clang-format on */
};

static const struct slice no_packets[] = {
    TEXT(""),
    TEXT(":"),
    TEXT("::"),
    TEXT(":::x"),
    TEXT("::3:::x"),
    TEXT(":3:::x"),
    TEXT("1"),
    TEXT("1:"),
    TEXT("3"),
    TEXT("3:"),
    TEXT("3:x"),
    TEXT("3:1"),
    TEXT("0:1"),
    TEXT("6:"),
    TEXT("9:::x"),
    TEXT("10:::x"),
    TEXT("03:::x"),
    TEXT("-1:::x"),
    TEXT("+3:::x"),
    TEXT("3 :::x"),
    TEXT(" 3:::x"),
    TEXT("\n3:::x"),
    TEXT("\xef\xbb\xbf"
	 "3:::x"),
    TEXT("3\0:::x"),
    TEXT("x:::y"),
    TEXT("a:1:b:c"),
    TEXT("3:a::x"),
    TEXT("3:-1::x"),
    TEXT("3:1 ::x"),
    TEXT("3: 1::x"),
    TEXT("3:1.5::x"),
    TEXT("3:1++::x"),
    TEXT("3:+1::x"),
    TEXT("3:1:+:x"),
    TEXT("3:1" DIGITS_20 "::x"),
};

static void
reads_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		char *copy = exact(packets[i].in, packets[i].in.n);
		struct packet pk;

		if (packet_parse(&pk, (struct slice){copy, packets[i].in.n}) == -1)
			fail_msg("refused: %s", packets[i].in.p);
		assert_int_equal(pk.type, packets[i].type);
		assert_slice(pk.id, packets[i].id, packets[i].in);
		assert_int_equal(pk.ack_data, packets[i].ack_data);
		assert_slice(pk.endpoint, packets[i].endpoint, packets[i].in);
		assert_slice(pk.data, packets[i].data, packets[i].in);
		if ((pk.data.p == NULL) != packets[i].no_data)
			fail_msg("third colon of %s", packets[i].in.p);
		free(copy);
	}
}

static void
refuses_malformed_packets(void **state)
{
	struct packet pk;

	(void)state;
	for (size_t i = 0; i < COUNT(no_packets); i++) {
		char *copy = exact(no_packets[i], no_packets[i].n);

		if (packet_parse(&pk, (struct slice){copy, no_packets[i].n}) == 0)
			fail_msg("accepted: %s", no_packets[i].p);
		free(copy);
	}
	assert_int_equal(packet_parse(&pk, (struct slice){NULL, 0}), -1);
}

static bool
lies_inside(struct slice part, const char *from, size_t n)
{
	return part.n == 0 || (part.p >= from && part.p + part.n <= from + n);
}

static void
any_cut_is_read_inside_its_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		for (size_t n = 0; n <= packets[i].in.n; n++) {
			char *copy = exact(packets[i].in, n);
			struct packet pk;

			if (packet_parse(&pk, (struct slice){copy, n}) == 0) {
				assert_true(lies_inside(pk.id, copy, n));
				assert_true(lies_inside(pk.endpoint, copy, n));
				assert_true(lies_inside(pk.data, copy, n));
			}
			free(copy);
		}
	}
}

static void
endpoints_are_bounded(void **state)
{
	struct buf text;
	struct packet pk;

	(void)state;
	buf_init(&text, 0);
	buf_puts(&text, "3::");
	for (size_t n = 0; n < PACKET_ENDPOINT_MAX; n++)
		buf_add_char(&text, '/');
	assert_int_equal(packet_parse(&pk, buf_slice(&text)), 0);
	assert_int_equal(pk.endpoint.n, PACKET_ENDPOINT_MAX);
	buf_puts(&text, ":x");
	assert_int_equal(packet_parse(&pk, buf_slice(&text)), 0);
	text.n--;
	text.p[text.n - 1] = '/';
	assert_int_equal(packet_parse(&pk, buf_slice(&text)), -1);
	buf_free(&text);
}

static void
what_is_written_reads_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		struct packet pk, again;
		struct buf out;

		buf_init(&out, 0);
		assert_int_equal(packet_parse(&pk, packets[i].in), 0);
		packet_write(&out, &pk);
		assert_int_equal(packet_parse(&again, buf_slice(&out)), 0);
		assert_int_equal(again.type, pk.type);
		assert_int_equal(again.ack_data, pk.ack_data);
		assert_slice(again.id, pk.id, packets[i].in);
		assert_slice(again.endpoint, pk.endpoint, packets[i].in);
		assert_slice(again.data, pk.data, packets[i].in);
		buf_free(&out);
	}
}

static void
the_third_colon_comes_with_data_only(void **state)
{
	struct packet pk = {.type = PACKET_MESSAGE, .endpoint = SLICE("/x"), .data = SLICE("")};
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	packet_write(&out, &pk);
	assert_slice(buf_slice(&out), SLICE("3::/x"), pk.endpoint);
	buf_clear(&out);
	pk.id = SLICE("5");
	pk.ack_data = true;
	pk.data = SLICE("hi");
	packet_write(&out, &pk);
	assert_slice(buf_slice(&out), SLICE("3:5+:/x:hi"), pk.endpoint);
	buf_free(&out);
}

static const struct {
	struct slice data, name, args;
} events[] = {
    {TEXT("{\"name\":\"woot\"}"), TEXT("woot"), TEXT("[]")},
    {TEXT(" { \"args\" : [ 1.10 , 1E400 ] , \"name\" : \"sp\" } "), TEXT("sp"),
	TEXT("[ 1.10 , 1E400 ]")},
    {TEXT("{\"n\\u0061me\":\"a\\u00e9\\n\",\"args\":[\"\\ud83d\"]}"), TEXT("a\xc3\xa9\n"),
	TEXT("[\"\\ud83d\"]")},
    {TEXT("{\"name\":\"\",\"extra\":{\"name\":\"no\"}}"), TEXT(""), TEXT("[]")},
    {TEXT("{\"name\":\"a\",\"args\":[1],\"args\":[2]}"), TEXT("a"), TEXT("[2]")},
    {TEXT("{\"name\":\"a\",\"name\":\"b\"}"), TEXT("b"), TEXT("[]")},
    {TEXT("{\"name\":\"x\",\"args\":null}"), TEXT("x"), TEXT("[]")},
    {TEXT("{\"name\":\"x\",\"args\":false}"), TEXT("x"), TEXT("[]")},
    {TEXT("{\"name\":\"x\",\"args\":0}"), TEXT("x"), TEXT("[]")},
    {TEXT("{\"name\":\"x\",\"args\":-0.0e5}"), TEXT("x"), TEXT("[]")},
    {TEXT("{\"name\":\"x\",\"args\":\"\"}"), TEXT("x"), TEXT("[]")},
    {TEXT("{\"name\":\"x\",\"args\":0.5}"), TEXT("x"), TEXT("[0.5]")},
    {TEXT("{\"name\":\"x\",\"args\":true}"), TEXT("x"), TEXT("[true]")},
    {TEXT("{\"name\":\"x\",\"args\":\"str\"}"), TEXT("x"), TEXT("[\"str\"]")},
    {TEXT("{\"name\":\"\\u0078\",\"args\":{\"0\":1}}"), TEXT("x"), TEXT("[{\"0\":1}]")},
    {TEXT("{\"name\":\"x\",\"args\":[[[]]]}"), TEXT("x"), TEXT("[[[]]]")},
};

static const struct slice no_events[] = {
    TEXT(""),
    TEXT("x"),
    TEXT("{"),
    TEXT("\"x\""),
    TEXT("null"),
    TEXT("[]"),
    TEXT("[\"name\"]"),
    TEXT("{}"),
    TEXT("{\"args\":[\"x\"]}"),
    TEXT("{\"name\":null}"),
    TEXT("{\"name\":5,\"args\":[1]}"),
    TEXT("{\"name\":[\"a\"]}"),
    TEXT("{\"name\":\"x\",\"name\":1}"),
    TEXT("{\"name\":\"x\"} trailing"),
    TEXT("{\"name\":\"x\",}"),
    TEXT("{\"Name\":\"x\"}"),
};

static void
reads_events(void **state)
{
	struct buf scratch;

	(void)state;
	buf_init(&scratch, 0);
	for (size_t i = 0; i < COUNT(events); i++) {
		char *copy = exact(events[i].data, events[i].data.n);
		struct event ev;

		if (packet_event(&ev, (struct slice){copy, events[i].data.n}, &scratch) == -1)
			fail_msg("refused: %s", events[i].data.p);
		assert_slice(ev.name, events[i].name, events[i].data);
		assert_slice(ev.args, events[i].args, events[i].data);
		free(copy);
	}
	buf_free(&scratch);
}

static void
refuses_malformed_events(void **state)
{
	struct buf scratch;
	struct event ev;

	(void)state;
	buf_init(&scratch, 0);
	for (size_t i = 0; i < COUNT(no_events); i++)
		if (packet_event(&ev, no_events[i], &scratch) == 0)
			fail_msg("accepted: %s", no_events[i].p);
	for (size_t i = 0; i < COUNT(events); i++)
		for (size_t n = 0; n < events[i].data.n; n++) {
			char *copy = exact(events[i].data, n);

			if (packet_event(&ev, (struct slice){copy, n}, &scratch) == 0 &&
			    events[i].data.p[events[i].data.n - 1] != ' ')
				fail_msg("accepted: %.*s", (int)n, events[i].data.p);
			free(copy);
		}
	buf_free(&scratch);
}

static void
an_event_too_large_for_the_scratch_is_refused(void **state)
{
	struct buf scratch;
	struct event ev;

	(void)state;
	buf_init(&scratch, 4);
	assert_int_equal(packet_event(&ev, SLICE("{\"name\":\"\\u0061bcde\"}"), &scratch), -1);
	assert_int_equal(packet_event(&ev, SLICE("{\"name\":\"x\",\"args\":12345}"), &scratch), -1);
	assert_int_equal(packet_event(&ev, SLICE("{\"name\":\"x\",\"args\":12}"), &scratch), 0);
	buf_free(&scratch);
}

static void
writes_events_and_acks(void **state)
{
	static const struct slice none[] = {TEXT(""), TEXT("[]"), TEXT(" [ \n] ")};
	struct buf out;

	(void)state;
	buf_init(&out, 0);
	for (size_t i = 0; i < COUNT(none); i++) {
		buf_clear(&out);
		packet_event_write(&out, SLICE("a\"b"), none[i]);
		assert_slice(buf_slice(&out), SLICE("{\"name\":\"a\\\"b\"}"), none[i]);
		buf_clear(&out);
		packet_ack_write(&out, SLICE("12"), none[i]);
		assert_slice(buf_slice(&out), SLICE("12"), none[i]);
	}
	buf_clear(&out);
	packet_event_write(&out, SLICE("x"), SLICE("[[],\n\"\xe2\x80\xa8\"]"));
	assert_slice(
	    buf_slice(&out), SLICE("{\"name\":\"x\",\"args\":[[], \"\\u2028\"]}"), SLICE(""));
	buf_clear(&out);
	packet_ack_write(&out, SLICE("12"), SLICE("[[]]"));
	assert_slice(buf_slice(&out), SLICE("12+[[]]"), SLICE(""));
	buf_free(&out);
}

static const struct {
	struct slice data, id, args;
} acks[] = {
    {TEXT("140"), TEXT("140"), TEXT("[]")},
    {TEXT("12+[\"woot\",1.10]"), TEXT("12"), TEXT("[\"woot\",1.10]")},
    {TEXT("1+ [ ] \n"), TEXT("1"), TEXT("[ ]")},
    {TEXT("1[\"a\"]"), TEXT("1"), TEXT("[\"a\"]")},
    {TEXT("01"), TEXT("01"), TEXT("[]")},
    {TEXT("1+"), TEXT("1"), TEXT("[]")},
    {TEXT("1+bad"), TEXT("1"), TEXT("[]")},
    {TEXT("1+{\"a\":1}"), TEXT("1"), TEXT("[]")},
    {TEXT("1+\"s\""), TEXT("1"), TEXT("[]")},
    {TEXT("1+null"), TEXT("1"), TEXT("[]")},
    {TEXT("1++[\"a\"]"), TEXT("1"), TEXT("[]")},
    {TEXT("1+2+[3]"), TEXT("1"), TEXT("[]")},
    {TEXT("1 +[\"a\"]"), TEXT("1"), TEXT("[]")},
    {TEXT("1+[\"a\nb\"]"), TEXT("1"), TEXT("[]")},
};

static void
reads_acks(void **state)
{
	static const struct slice bad[] = {
	    TEXT(""), TEXT("x"), TEXT("-1"), TEXT(" 1"), TEXT("+[\"a\"]"), TEXT("1" DIGITS_20)};
	struct ack ack;

	(void)state;
	for (size_t i = 0; i < COUNT(acks); i++) {
		for (size_t n = 0; n <= acks[i].data.n; n++) {
			char *copy = exact(acks[i].data, n);
			int got = packet_ack(&ack, (struct slice){copy, n});

			assert_int_equal(got, n == 0 ? -1 : 0);
			if (n == acks[i].data.n) {
				assert_slice(ack.id, acks[i].id, acks[i].data);
				assert_slice(ack.args, acks[i].args, acks[i].data);
			}
			free(copy);
		}
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(packet_ack(&ack, bad[i]), -1);
	assert_int_equal(packet_ack(&ack, (struct slice){NULL, 0}), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_packets),
	    cmocka_unit_test(refuses_malformed_packets),
	    cmocka_unit_test(any_cut_is_read_inside_its_bounds),
	    cmocka_unit_test(endpoints_are_bounded),
	    cmocka_unit_test(what_is_written_reads_the_same),
	    cmocka_unit_test(the_third_colon_comes_with_data_only),
	    cmocka_unit_test(reads_events),
	    cmocka_unit_test(refuses_malformed_events),
	    cmocka_unit_test(an_event_too_large_for_the_scratch_is_refused),
	    cmocka_unit_test(writes_events_and_acks),
	    cmocka_unit_test(reads_acks),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
