/* What nodes tell one another, as bytes: what is written is read again, and what is cut anywhere is
 * refused. */
#include "tests/unit/exact.h"

#include "shared/link/frame.h"
#include "shared/link/pack.h"

static const struct slice none = {NULL, 0};

/* Is it read? */
typedef bool reads(struct slice body);

static void
refused_when_cut(struct slice whole, reads *read)
{
	for (size_t n = 0; n <= whole.n; n++) {
		char *copy = exact(whole, n);

		assert_int_equal(read((struct slice){copy, n}), n == whole.n);
		free(copy);
	}
}

/* A body is read with more behind it: that of a newer node. */
static void
taken_when_longer(struct buf *body, reads *read)
{
	buf_puts(body, "more");
	assert_true(read(buf_slice(body)));
	body->n -= 4;
}

static void
try_body(struct buf *body, reads *read)
{
	assert_false(body->failed);
	taken_when_longer(body, read);
	refused_when_cut(buf_slice(body), read);
	buf_free(body);
}

static bool
reads_mail(struct slice body)
{
	struct link_mail m;

	if (!frame_unpack_mail(body, &m))
		return false;
	return m.uid == 77 && m.left_ms == 5000 && slice_is(m.user, "42") &&
	       slice_is(m.ns, "/chat") && slice_is(m.packet, "3::/chat:hi");
}

static void
mail_is_read_whole(void **state)
{
	struct buf body = {.p = NULL};

	(void)state;
	frame_pack_mail(&body, &(struct link_mail){.uid = 77,
				   .left_ms = 5000,
				   .user = SLICE("42"),
				   .ns = SLICE("/chat"),
				   .packet = SLICE("3::/chat:hi")});
	try_body(&body, reads_mail);
	frame_pack_mail(&body, &(struct link_mail){.uid = 77, .left_ms = 0, .user = SLICE("42")});
	assert_false(reads_mail(buf_slice(&body)));
	buf_free(&body);
}

static bool
reads_command(struct slice body)
{
	struct link_command c;

	if (!frame_unpack_command(body, &c))
		return false;
	return c.what == LINK_ASK && c.key == 77 && c.number == 5000 && slice_is(c.ns, "/chat") &&
	       slice_is(c.name, "question") && slice_is(c.text, "[]") &&
	       slice_is(c.handler, "answered") && c.context.p == NULL;
}

static void
commands_are_read_whole(void **state)
{
	struct buf body = {.p = NULL};

	(void)state;
	frame_pack_command(&body, &(struct link_command){.what = LINK_ASK,
				      .key = 77,
				      .number = 5000,
				      .ns = SLICE("/chat"),
				      .name = SLICE("question"),
				      .text = SLICE("[]"),
				      .handler = SLICE("answered")});
	try_body(&body, reads_command);
}

static bool
reads_message(struct slice body)
{
	struct link_message m;

	if (!frame_unpack_message(body, &m))
		return false;
	return m.to == -5 && m.is_volatile && m.except.n == 16 && slice_is(m.packet, "3:::hi");
}

static void
messages_are_read_whole(void **state)
{
	struct buf body = {.p = NULL}, except = {.p = NULL};
	struct link_message m = {.to = -5, .is_volatile = true, .packet = SLICE("3:::hi")};

	(void)state;
	pack_number(&except, 7);
	pack_number(&except, INT64_MAX);
	m.except = buf_slice(&except);
	frame_pack_message(&body, &m);
	try_body(&body, reads_message);
	/* half a key, no packet, no receiver */
	m.except.n = 12;
	frame_pack_message(&body, &m);
	assert_false(frame_unpack_message(buf_slice(&body), &m));
	buf_clear(&body);
	frame_pack_message(&body, &(struct link_message){.to = -5});
	assert_false(frame_unpack_message(buf_slice(&body), &m));
	buf_clear(&body);
	frame_pack_message(&body, &(struct link_message){.packet = SLICE("x")});
	assert_false(frame_unpack_message(buf_slice(&body), &m));
	buf_free(&body);
	buf_free(&except);
}

static bool
reads_kept_message(struct slice body)
{
	struct link_message m;

	if (!frame_unpack_message(body, &m))
		return false;
	return slice_is(m.packet, "3:::hi") && slice_is(m.kept.ns, "/chat") &&
	       slice_is(m.kept.room, "den") && m.kept.asked == 20;
}

static bool
reads_kept(struct slice body)
{
	struct link_kept k;

	return frame_unpack_kept(body, &k) && k.ns.p != NULL && k.ns.n == 0 &&
	       slice_is(k.room, "den") && k.asked == 20;
}

static void
rooms_with_a_history_are_read_whole(void **state)
{
	struct buf body = {.p = NULL};
	struct link_kept k = {SLICE("/chat"), SLICE("den"), 20};

	(void)state;
	frame_pack_message(
	    &body, &(struct link_message){.to = -5, .packet = SLICE("3:::hi"), .kept = k});
	try_body(&body, reads_kept_message);
	k.ns = SLICE("");
	body = (struct buf){.p = NULL};
	frame_pack_kept(&body, &k);
	try_body(&body, reads_kept);
	body = (struct buf){.p = NULL};
	k.asked = -1;
	frame_pack_kept(&body, &k);
	assert_false(frame_unpack_kept(buf_slice(&body), &k));
	buf_free(&body);
}

static bool
reads_signal(struct slice body)
{
	struct link_signal s;

	if (!frame_unpack_signal(body, &s))
		return false;
	return s.slot == 3 && s.id == INT64_MAX && s.number == -1 && slice_is(s.text, "text");
}

static void
signals_are_read_whole(void **state)
{
	struct buf body = {.p = NULL};

	(void)state;
	frame_pack_signal(&body,
	    &(struct link_signal){.slot = 3, .id = INT64_MAX, .number = -1, .text = SLICE("text")});
	try_body(&body, reads_signal);
}

static bool
reads_found(struct slice body)
{
	struct link_found f;

	if (!frame_unpack_found(body, &f))
		return false;
	return f.slot == 3 && f.id == 99 && f.verdict == LINK_MOVED && f.node == 9 &&
	       slice_is(f.sid, "BwBw") && slice_is(f.address, "::1") && f.user.p == NULL &&
	       slice_is(f.handshake, "{}") && f.deferred.p == NULL && f.left_ms == 5000 &&
	       slice_is(f.values, "values") && f.ends_ms == 7000 && slice_is(f.rooms, "[]");
}

static void
places_are_read_whole(void **state)
{
	struct buf body = {.p = NULL};

	(void)state;
	frame_pack_found(&body, &(struct link_found){.slot = 3,
				    .id = 99,
				    .verdict = LINK_MOVED,
				    .node = 9,
				    .sid = SLICE("BwBw"),
				    .address = SLICE("::1"),
				    .handshake = SLICE("{}"),
				    .left_ms = 5000,
				    .values = SLICE("values"),
				    .ends_ms = 7000,
				    .rooms = SLICE("[]")});
	try_body(&body, reads_found);
}

static bool
reads_answer(struct slice body)
{
	struct link_answer a;

	if (!frame_unpack_answer(body, &a))
		return false;
	return a.slot == 3 && a.id == 99 && a.status == 200 && a.in_chunks &&
	       slice_is(a.content_type, "text/plain") && a.headers.n == 0 && slice_is(a.body, "1");
}

static void
answers_are_read_whole(void **state)
{
	struct buf body = {.p = NULL};
	struct link_answer a = {
	    .slot = 3,
	    .id = 99,
	    .status = 200,
	    .in_chunks = true,
	    .content_type = SLICE("text/plain"),
	    .headers = SLICE(""),
	    .body = SLICE("1"),
	};

	(void)state;
	frame_pack_answer(&body, &a);
	try_body(&body, reads_answer);
	a.status = 1000;
	frame_pack_answer(&body, &a);
	assert_false(frame_unpack_answer(buf_slice(&body), &a));
	buf_free(&body);
}

static bool
reads_ruling(struct slice body)
{
	struct link_ruling r;

	return frame_unpack_ruling(body, &r) && r.slot == 3 && r.id == 99 && r.accepts &&
	       slice_is(r.user, "42") && slice_is(r.data, "{}") && r.reason.p == NULL;
}

static void
rulings_are_read_whole(void **state)
{
	struct buf body = {.p = NULL};

	(void)state;
	frame_pack_ruling(&body,
	    &(struct link_ruling){
		.slot = 3, .id = 99, .accepts = true, .user = SLICE("42"), .data = SLICE("{}")});
	try_body(&body, reads_ruling);
	buf_free(&body);
}

/* --- entries of presence -------------------------------------------------------------------- */

/* How many entries are read; `*failed`: then it is malformed. */
static int
count_entries(struct slice body, bool *failed)
{
	struct link_presence p;
	int n = 0;

	while (frame_unpack_presence(&body, &p, failed))
		n++;
	return n;
}

static void
entries_before_a_cut_are_read(void **state)
{
	struct buf body = {.p = NULL};
	size_t ends[4] = {0};
	bool failed;

	(void)state;
	for (int i = 0; i < 3; i++) {
		frame_pack_presence(&body, &(struct link_presence){.what = LINK_JOINED,
					       .key = 77 + i,
					       .ns = SLICE("/chat"),
					       .room = i == 0 ? none : SLICE("den")});
		ends[i + 1] = body.n;
	}
	for (size_t n = 0; n <= body.n; n++) {
		char *copy = exact(buf_slice(&body), n);
		int whole = n >= ends[3] ? 3 : n >= ends[2] ? 2 : n >= ends[1] ? 1 : 0;

		assert_int_equal(count_entries((struct slice){copy, n}, &failed), whole);
		assert_int_equal(failed, n != ends[whole]);
		free(copy);
	}
	buf_free(&body);
}

static void
an_entry_with_more_fields_is_read(void **state)
{
	struct buf one = {.p = NULL}, body = {.p = NULL};
	struct pack_reader in;
	struct slice entry, rest;
	struct link_presence p;
	bool failed;

	(void)state;
	frame_pack_presence(
	    &one, &(struct link_presence){.what = LINK_VALUE, .key = 77, .room = SLICE("nick")});
	in = (struct pack_reader){.rest = buf_slice(&one)};
	entry = pack_read_text(&in);
	buf_free(&body);
	buf_add_slice(&body, entry);
	buf_puts(&body, "new");
	buf_clear(&one);
	pack_text(&one, buf_slice(&body));
	rest = buf_slice(&one);
	assert_true(frame_unpack_presence(&rest, &p, &failed));
	assert_int_equal(rest.n, 0);
	assert_true(slice_is(p.room, "nick") && p.value.p == NULL && p.key == 77);
	/* no session has this key */
	buf_clear(&one);
	frame_pack_presence(&one, &(struct link_presence){.what = LINK_VALUE, .key = 0});
	rest = buf_slice(&one);
	assert_false(frame_unpack_presence(&rest, &p, &failed));
	assert_true(failed);
	buf_free(&one);
	buf_free(&body);
}

/* --- entries of a stream -------------------------------------------------------------------- */

static void
entries_of_a_stream_are_read_whole(void **state)
{
	struct buf entry = {.p = NULL};
	struct link_head head;
	struct link_frame frame;
	size_t ends[3];

	(void)state;
	frame_pack_head(
	    &entry, &(struct link_head){
			.version = LINK_VERSION, .sender = 7, .epoch = SLICE("e"), .prev = 41});
	ends[0] = entry.n;
	frame_pack_frame(&entry, &(struct link_frame){.seq = 42, .kind = 'G', .body = SLICE("b")});
	ends[1] = entry.n;
	frame_pack_frame(&entry, &(struct link_frame){.seq = 43, .kind = 'N', .body = SLICE("")});
	ends[2] = entry.n;
	for (size_t n = 0; n <= entry.n; n++) {
		char *copy = exact(buf_slice(&entry), n);
		struct slice rest = {copy, n};
		bool read = frame_unpack_head(&rest, &head), failed = false;
		int frames = 0;

		assert_int_equal(read, n >= ends[0]);
		while (read && frame_unpack_frame(&rest, &frame, &failed))
			assert_int_equal(frame.seq, 42 + frames++);
		if (read) {
			assert_int_equal(head.sender, 7);
			assert_int_equal(head.prev, 41);
			assert_int_equal(frames, (n >= ends[1]) + (n >= ends[2]));
			assert_int_equal(failed, n != ends[frames]);
		}
		free(copy);
	}
	buf_free(&entry);
}

static void
another_version_is_told_from_garbage(void **state)
{
	struct slice other = SLICE("PLX\x02 whatever"), garbage = SLICE("{\"hello\":1}");
	struct link_head head;

	(void)state;
	assert_true(frame_unpack_head(&other, &head));
	assert_int_equal(head.version, 2);
	assert_false(frame_unpack_head(&garbage, &head));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mail_is_read_whole),
	    cmocka_unit_test(commands_are_read_whole),
	    cmocka_unit_test(messages_are_read_whole),
	    cmocka_unit_test(rooms_with_a_history_are_read_whole),
	    cmocka_unit_test(signals_are_read_whole),
	    cmocka_unit_test(places_are_read_whole),
	    cmocka_unit_test(answers_are_read_whole),
	    cmocka_unit_test(rulings_are_read_whole),
	    cmocka_unit_test(entries_before_a_cut_are_read),
	    cmocka_unit_test(an_entry_with_more_fields_is_read),
	    cmocka_unit_test(entries_of_a_stream_are_read_whole),
	    cmocka_unit_test(another_version_is_told_from_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
