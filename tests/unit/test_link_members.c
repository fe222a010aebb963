/* What nodes tell one another of their sessions, and what becomes of it. */
#include "tests/unit/linknode.h"

#include "linkd/members.h"

#include <unistd.h>

#include "shared/action/application.h"
#include "shared/action/target.h"
#include "shared/base/log.h"
#include "shared/hub/mail.h"
#include "shared/hub/presence.h"
#include "shared/link/pack.h"
#include "shared/store/listing.h"
#include "shared/store/mailbox.h"
#include "shared/store/message_log.h"
#include "shared/store/remote.h"
#include "shared/store/room_history.h"
#include "shared/store/session_data.h"
#include "shared/store/session_row.h"
#include "shared/store/subscription.h"
#include "shared/wire/sid.h"

#define A 7
#define B 9

struct pair {
	struct linknode a, b;
};

static int
open_pair(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	linknode_open(&p->a, A);
	linknode_open(&p->b, B);
	*state = p;
	return 0;
}

static int
close_pair(void **state)
{
	struct pair *p = *state;

	linknode_close(&p->a);
	linknode_close(&p->b);
	free(p);
	return 0;
}

static void
meet(struct pair *p)
{
	linknode_sees(&p->a, B, true);
	linknode_sees(&p->b, A, true);
	linknode_exchange(&p->a, &p->b);
}

static struct hub_ns *
root_of(struct linknode *n)
{
	struct hub_app app = application_for_hub(server_application(n->l.sv));

	return app.find(app.arg, SLICE(""));
}

static void
sink_takes(void *sink, struct message *m)
{
	struct buf *heard = sink;

	buf_add_slice(heard, message_text(m));
	buf_add_char(heard, ' ');
}

static void
sink_ends(void *sink, enum sink_end why)
{
	(void)sink;
	(void)why;
}

static const struct sink_ops stream = {.send = sink_takes, .end = sink_ends};

typedef enum session_create_result session_creator(
    struct hub *h, const char *handshake, struct slice address, char sid[STORE_SID_SIZE]);

/* A session on a stream of this node; what it hears goes to `heard`. */
static int64_t
connect_as(struct linknode *n, session_creator *create, struct buf *heard)
{
	char sid[STORE_SID_SIZE];
	struct session *s;

	linknode_begin(n);
	assert_int_equal(create(n->l.hub, "{\"issued\":5}", SLICE("::1"), sid), SESSION_CREATED);
	assert_int_equal(session_find(n->l.hub, slice_of(sid), &s), SESSION_LIVE);
	assert_int_equal(session_attach(n->l.hub, s, TRANSPORT_WEBSOCKET, true, &stream, heard), 0);
	linknode_finish(n);
	return sid_key(slice_of(sid));
}

static int64_t
connect_at(struct linknode *n, struct buf *heard)
{
	return connect_as(n, session_create, heard);
}

/* In a turn. */
static struct session *
look_up(struct linknode *n, int64_t key)
{
	struct session *s;

	assert_int_equal(session_find_key(n->l.hub, key, &s), SESSION_LIVE);
	return s;
}

static bool
knows(struct linknode *n, int64_t key)
{
	struct remote_place place;

	return remote_find(hub_store(n->l.hub), key, &place) == STORE_OK && place.is_connected;
}

static void
count_key(void *arg, int64_t key)
{
	(void)key;
	(*(int *)arg)++;
}

static int
members_of(struct linknode *n, const char *room)
{
	int members = 0;

	subscription_members(hub_store(n->l.hub),
	    message_log_channel(SLICE(""), room == NULL ? (struct slice){NULL, 0} : slice_of(room)),
	    count_key, &members);
	return members;
}

static void
join(struct linknode *n, int64_t key, const char *room)
{
	linknode_begin(n);
	assert_int_equal(membership_join(n->l.hub, look_up(n, key), root_of(n), slice_of(room)), 0);
	linknode_finish(n);
}

static void
say(struct linknode *n, const char *room)
{
	linknode_begin(n);
	hub_publish_channel(
	    n->l.hub, message_log_channel(SLICE(""), slice_of(room)), 0, SLICE("3:::hi"), false);
	linknode_finish(n);
}

static void
end(struct linknode *n, int64_t key)
{
	linknode_begin(n);
	session_end(n->l.hub, look_up(n, key), "booted", false);
	linknode_finish(n);
}

static bool
heard(struct buf *b, const char *text)
{
	bool found;

	buf_add_char(b, '\0');
	found = !b->failed && strstr(b->p, text) != NULL;
	b->n--;
	return found;
}

/* --- what they know ------------------------------------------------------------------------- */

static void
nodes_that_meet_know_what_there_was(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL}, hb = {.p = NULL};
	int64_t at_a = connect_at(&p->a, &ha), at_b = connect_at(&p->b, &hb);
	char *value;

	join(&p->a, at_a, "den");
	linknode_begin(&p->a);
	quota_set_value(p->a.l.hub, at_a, SLICE("nick"), SLICE("\"bob\""));
	quota_set_user(p->a.l.hub, at_a, SLICE("42"));
	linknode_finish(&p->a);
	meet(p);
	assert_true(knows(&p->b, at_a));
	assert_true(knows(&p->a, at_b));
	assert_int_equal(members_of(&p->b, "den"), 1);
	assert_int_equal(members_of(&p->b, NULL), 2);
	assert_int_equal(members_of(&p->a, NULL), 2);
	value = session_data_get(hub_store(p->b.l.hub), at_a, SLICE("nick"));
	assert_string_equal(value, "\"bob\"");
	free(value);
	value = session_row_user(hub_store(p->b.l.hub), at_a);
	assert_string_equal(value, "42");
	free(value);
	/* and a message goes to who is there */
	say(&p->b, "den");
	linknode_exchange(&p->a, &p->b);
	assert_true(heard(&ha, "3:::hi"));
	assert_false(heard(&hb, "3:::hi"));
	buf_free(&ha);
	buf_free(&hb);
}

static void
what_becomes_of_sessions_is_told(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};
	int64_t key;

	meet(p);
	key = connect_at(&p->a, &ha);
	join(&p->a, key, "den");
	linknode_exchange(&p->a, &p->b);
	assert_int_equal(members_of(&p->b, "den"), 1);
	linknode_begin(&p->a);
	membership_leave(p->a.l.hub, look_up(&p->a, key), root_of(&p->a), SLICE("den"));
	linknode_finish(&p->a);
	linknode_exchange(&p->a, &p->b);
	assert_int_equal(members_of(&p->b, "den"), 0);
	assert_int_equal(members_of(&p->b, NULL), 1);
	end(&p->a, key);
	linknode_exchange(&p->a, &p->b);
	assert_false(knows(&p->b, key));
	assert_int_equal(members_of(&p->b, NULL), 0);
	buf_free(&ha);
}

static void
many_sessions_go_in_portions_and_changes_meanwhile_count(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};
	int64_t keys[450], least = INT64_MAX, most = 0;
	char kinds[1024];
	int rows = 0;

	for (int i = 0; i < 450; i++) {
		keys[i] = connect_at(&p->a, &ha);
		least = keys[i] < least ? keys[i] : least;
		most = keys[i] > most ? keys[i] : most;
	}
	linknode_sees(&p->b, A, true);
	linknode_sees(&p->a, B, true); /* the first portion is written */
	/* one that is described already, and one that is not */
	join(&p->a, least, "den");
	join(&p->a, most, "den");
	end(&p->a, least);
	for (int i = 0; i < 10; i++) {
		linknode_pass(&p->a, 30);
		rows += linknode_carry(&p->a, &p->b, kinds);
	}
	assert_int_equal(members_of(&p->b, NULL), 449);
	assert_int_equal(members_of(&p->b, "den"), 1);
	assert_false(knows(&p->b, least));
	assert_true(knows(&p->b, most));
	assert_true(rows >= 5);
	buf_free(&ha);
}

static void
a_new_snapshot_replaces_the_old_one(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};
	int64_t stays, goes, comes;

	meet(p);
	stays = connect_at(&p->a, &ha);
	join(&p->a, stays, "den");
	goes = connect_at(&p->a, &ha);
	linknode_exchange(&p->a, &p->b);
	/* B is not told of these */
	linknode_begin(&p->a);
	slots_link_set_lives(linknode_slots(&p->a), B, false);
	linknode_finish(&p->a);
	end(&p->a, goes);
	comes = connect_at(&p->a, &ha);
	linknode_begin(&p->a);
	membership_leave(p->a.l.hub, look_up(&p->a, stays), root_of(&p->a), SLICE("den"));
	slots_link_set_lives(linknode_slots(&p->a), B, true);
	linknode_finish(&p->a);
	assert_true(knows(&p->b, goes));
	linknode_begin(&p->b);
	dispatch_gap(&p->b.l, A);
	linknode_finish(&p->b);
	linknode_exchange(&p->a, &p->b);
	assert_false(knows(&p->b, goes));
	assert_true(knows(&p->b, comes));
	assert_true(knows(&p->b, stays));
	assert_int_equal(members_of(&p->b, "den"), 0);
	assert_int_equal(members_of(&p->b, NULL), 2);
	buf_free(&ha);
}

static void
a_turn_that_fails_is_taken_in_again(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};
	int64_t key = connect_at(&p->a, &ha);

	linknode_sees(&p->b, A, true);
	linknode_sees(&p->a, B, true);
	p->b.fails = true;
	linknode_exchange(&p->a, &p->b);
	assert_true(knows(&p->b, key));
	buf_free(&ha);
}

static void
a_node_that_dies_is_told_once_and_forgotten(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};
	int64_t keys[250];

	for (int i = 0; i < 250; i++)
		keys[i] = connect_at(&p->a, &ha);
	meet(p);
	assert_int_equal(members_of(&p->b, NULL), 250);
	linknode_sees(&p->b, A, false);
	for (int i = 0; i < 5; i++)
		linknode_pass(&p->b, 30);
	assert_int_equal(members_of(&p->b, NULL), 0);
	assert_false(knows(&p->b, keys[0]));
	/* and is back */
	linknode_sees(&p->b, A, true);
	linknode_pass(&p->b, 4000); /* it asks */
	linknode_exchange(&p->a, &p->b);
	assert_int_equal(members_of(&p->b, NULL), 250);
	buf_free(&ha);
}

/* --- what is done to sessions elsewhere ----------------------------------------------------- */

static void
commands_are_done_at_home(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};
	int64_t key;
	struct session *s;
	char *value;

	meet(p);
	key = connect_at(&p->a, &ha);
	linknode_exchange(&p->a, &p->b);
	linknode_begin(&p->b);
	s = look_up(&p->b, key);
	assert_true(session_is_remote(s));
	membership_join(p->b.l.hub, s, root_of(&p->b), SLICE("den"));
	quota_set_value(p->b.l.hub, key, SLICE("nick"), SLICE("\"bob\""));
	quota_set_user(p->b.l.hub, key, SLICE("42"));
	hub_publish_session(p->b.l.hub, s, SLICE("3:::you"), false);
	linknode_finish(&p->b);
	linknode_exchange(&p->a, &p->b);
	assert_true(heard(&ha, "3:::you"));
	assert_int_equal(members_of(&p->a, "den"), 1);
	assert_int_equal(members_of(&p->b, "den"), 1);
	value = session_data_get(hub_store(p->b.l.hub), key, SLICE("nick"));
	assert_string_equal(value, "\"bob\"");
	free(value);
	linknode_begin(&p->b);
	session_end(p->b.l.hub, look_up(&p->b, key), "booted", true);
	linknode_finish(&p->b);
	linknode_exchange(&p->a, &p->b);
	assert_false(knows(&p->b, key));
	assert_int_equal(members_of(&p->b, NULL), 0);
	buf_free(&ha);
}

static void
join_history(struct linknode *n, int64_t key, const char *room, int history)
{
	linknode_begin(n);
	assert_int_equal(
	    membership_join_history(n->l.hub, look_up(n, key), root_of(n), slice_of(room), history),
	    0);
	linknode_finish(n);
}

static void
every_node_keeps_the_history_of_a_room(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL}, hb = {.p = NULL};
	int64_t at_a, at_b;

	meet(p);
	at_a = connect_at(&p->a, &ha);
	linknode_exchange(&p->a, &p->b);
	/* asked for by the other node, done at home, and told to all */
	join_history(&p->b, at_a, "den", 2);
	linknode_exchange(&p->a, &p->b);
	assert_int_equal(members_of(&p->a, "den"), 1);
	/* by either; nobody at b is in the room */
	say(&p->b, "den");
	linknode_exchange(&p->a, &p->b);
	say(&p->a, "den");
	linknode_exchange(&p->a, &p->b);
	at_b = connect_at(&p->b, &hb);
	assert_false(heard(&hb, "3:::hi"));
	join_history(&p->b, at_b, "den", 2);
	assert_true(heard(&hb, "3:::hi 3:::hi"));
	/* a node that was not told of it hears of it with the messages */
	end(&p->a, at_a);
	end(&p->b, at_b);
	linknode_begin(&p->a);
	assert_int_equal(
	    room_history_drop(hub_store(p->a.l.hub), message_log_channel(SLICE(""), SLICE("den"))),
	    0);
	linknode_finish(&p->a);
	linknode_exchange(&p->a, &p->b);
	say(&p->b, "den");
	linknode_exchange(&p->a, &p->b);
	buf_clear(&ha);
	at_a = connect_at(&p->a, &ha);
	join_history(&p->a, at_a, "den", 2);
	assert_true(heard(&ha, "3:::hi"));
	assert_false(heard(&ha, "3:::hi 3:::hi"));
	buf_free(&ha);
	buf_free(&hb);
}

static void
a_question_is_asked_at_home(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};
	int64_t key;

	meet(p);
	key = connect_at(&p->a, &ha);
	linknode_exchange(&p->a, &p->b);
	linknode_begin(&p->b);
	assert_int_equal(target_ask(server_application(p->b.l.sv),
			     &(struct target_question){.type = PACKET_EVENT,
				 .ns = root_of(&p->b),
				 .session = key,
				 .name = SLICE("question"),
				 .args = SLICE("[\"6*7\"]"),
				 .handler = SLICE("answered")}),
	    0);
	linknode_finish(&p->b);
	linknode_exchange(&p->a, &p->b);
	assert_true(heard(&ha, "5:1+::{\"name\":\"question\",\"args\":[\"6*7\"]}"));
	buf_free(&ha);
}

static int64_t
mail_at(struct linknode *n)
{
	int64_t messages = -1, bytes;

	assert_int_equal(mailbox_total(hub_store(n->l.hub), &messages, &bytes), 0);
	return messages;
}

static void
mail_to(struct linknode *n, const char *user, const char *text)
{
	struct application *app = server_application(n->l.sv);
	struct target t = {.ns = root_of(n), .user = slice_of(user), .mailbox_s = 60};
	struct packet pk = {.type = PACKET_MESSAGE, .data = slice_of(text)};

	linknode_begin(n);
	assert_int_equal(target_send(app, &t, &pk), TARGET_KEPT);
	linknode_finish(n);
}

static void
become(struct linknode *n, int64_t key, const char *user)
{
	linknode_begin(n);
	(void)look_up(n, key);
	quota_set_user(n->l.hub, key, slice_of(user));
	linknode_finish(n);
}

static void
mail_is_found_wherever_its_user_comes(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL}, hb = {.p = NULL}, late = {.p = NULL};
	int64_t at_b;

	meet(p);
	mail_to(&p->a, "42", "one");
	mail_to(&p->a, "42", "two");
	linknode_exchange(&p->a, &p->b);
	assert_int_equal(mail_at(&p->b), 2);
	at_b = connect_at(&p->b, &hb);
	become(&p->b, at_b, "42");
	assert_true(heard(&hb, "3:::one 3:::two "));
	assert_int_equal(mail_at(&p->b), 0);
	linknode_exchange(&p->a, &p->b);
	assert_int_equal(mail_at(&p->a), 0);
	become(&p->a, connect_at(&p->a, &ha), "42");
	assert_false(heard(&ha, "3:::one"));
	/* the user has come to one node when another, which does not know yet, keeps it */
	become(&p->b, connect_at(&p->b, &late), "43");
	mail_to(&p->a, "43", "three");
	linknode_exchange(&p->a, &p->b);
	linknode_exchange(&p->a, &p->b);
	assert_true(heard(&late, "3:::three "));
	assert_int_equal(mail_at(&p->a), 0);
	assert_int_equal(mail_at(&p->b), 0);
	buf_free(&ha);
	buf_free(&hb);
	buf_free(&late);
}

static void
mail_goes_with_the_snapshot_and_a_node_that_was_away_gets_it_anew(void **state)
{
	struct pair *p = *state;
	static char large[60001];
	int64_t before;

	/* more than goes in one turn */
	p->a.cfg.mailbox_bytes = 1 << 20;
	p->b.cfg.mailbox_bytes = 1 << 20;
	server_reload(p->a.l.sv);
	server_reload(p->b.l.sv);
	memset(large, 'x', sizeof(large) - 1);
	mail_to(&p->a, "42", "kept alone");
	for (int i = 0; i < 10; i++)
		mail_to(&p->a, "42", large);
	meet(p);
	for (int i = 0; i < 20; i++) {
		linknode_pass(&p->a, 200);
		linknode_exchange(&p->a, &p->b);
	}
	assert_int_equal(mail_at(&p->a), 11);
	assert_int_equal(mail_at(&p->b), 11);
	/* B was away, and what it has is void; what A sends it once more is not there twice */
	linknode_begin(&p->b);
	assert_int_equal(mail_drop_shared(p->b.l.hub), 0);
	linknode_finish(&p->b);
	assert_int_equal(mail_at(&p->b), 0);
	before = mail_at(&p->a);
	linknode_begin(&p->b);
	members_want(&p->b.l, A);
	linknode_finish(&p->b);
	for (int i = 0; i < 20; i++) {
		linknode_pass(&p->b, 200);
		linknode_exchange(&p->a, &p->b);
		linknode_pass(&p->a, 200);
		linknode_exchange(&p->a, &p->b);
	}
	assert_int_equal(mail_at(&p->b), before);
}

/* Its other processes and its sessions go on. */
static void
a_snapshot_that_was_cut_off_is_asked_for_again(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};

	for (int i = 0; i < 450; i++)
		(void)connect_at(&p->a, &ha);
	linknode_sees(&p->b, A, true);
	linknode_sees(&p->a, B, true);
	linknode_carry(&p->a, &p->b, NULL);
	assert_in_range(members_of(&p->b, NULL), 1, 449);
	linknode_restart(&p->a);
	linknode_sees(&p->a, B, true);
	linknode_exchange(&p->a, &p->b);
	assert_int_equal(members_of(&p->b, NULL), 450);
	/* and the one who receives it */
	linknode_begin(&p->b);
	dispatch_gap(&p->b.l, A);
	linknode_finish(&p->b);
	linknode_pass(&p->b, 1);
	linknode_carry(&p->b, &p->a, NULL); /* it is asked for */
	linknode_pass(&p->a, 1);
	linknode_carry(&p->a, &p->b, NULL);
	linknode_restart(&p->b);
	linknode_sees(&p->b, A, true);
	linknode_exchange(&p->a, &p->b);
	linknode_pass(&p->b, 4000);
	linknode_exchange(&p->a, &p->b);
	assert_int_equal(members_of(&p->b, NULL), 450);
	buf_free(&ha);
}

/* --- what nobody of ours would say ---------------------------------------------------------- */

static void
claim(struct linknode *n, int from, const struct link_presence *entry)
{
	struct buf body = {.p = NULL};

	frame_pack_presence(&body, entry);
	linknode_begin(n);
	linknode_take(n, from, LINK_PRESENCE, buf_slice(&body));
	linknode_finish(n);
	buf_free(&body);
}

static void
nobody_can_take_what_is_ours(void **state)
{
	struct pair *p = *state;
	struct buf ha = {.p = NULL};
	int64_t key;

	meet(p);
	key = connect_at(&p->a, &ha);
	linknode_exchange(&p->a, &p->b);
	/* of a session of A: to A, and to B by a third node */
	claim(&p->a, B, &(struct link_presence){.what = LINK_ENDED, .key = key});
	claim(
	    &p->a, B, &(struct link_presence){.what = LINK_CONNECTED, .key = key, .transport = 1});
	claim(&p->b, 11, &(struct link_presence){.what = LINK_ENDED, .key = key});
	claim(&p->b, 11,
	    &(struct link_presence){
		.what = LINK_JOINED, .key = key, .ns = SLICE(""), .room = SLICE("den")});
	assert_int_equal(members_of(&p->b, "den"), 0);
	assert_true(knows(&p->b, key));
	linknode_begin(&p->a);
	assert_false(session_is_remote(look_up(&p->a, key)));
	linknode_finish(&p->a);
	buf_free(&ha);
}

static void
garbage_is_counted_and_harmless(void **state)
{
	struct pair *p = *state;
	static const char junk[] = "\x05\0\0\0\0\0\0\0\xff\xff\xff\xff\x01\x02\x03\x04junk";
	uint64_t before;

	meet(p);
	before = slots_link_counter(linknode_slots(&p->a), LINK_COUNT_BAD);
	for (int kind = 0; kind < 256; kind++)
		for (size_t n = 0; n <= sizeof(junk); n += 3) {
			linknode_begin(&p->a);
			linknode_take(&p->a, B, (unsigned char)kind, (struct slice){junk, n});
			linknode_finish(&p->a);
		}
	assert_true(slots_link_counter(linknode_slots(&p->a), LINK_COUNT_BAD) > before + 500);
	/* entries of a newer node do not hide the others */
	claim(&p->a, B, &(struct link_presence){.what = '?', .key = 5});
	claim(&p->a, B,
	    &(struct link_presence){.what = LINK_JOINED, .key = 5, .ns = SLICE("no slash")});
	assert_int_equal(members_of(&p->a, NULL), 0);
}

/* Neither when it comes, nor in a snapshot. */
static void
a_page_of_the_status_is_nothing_malformed(void **state)
{
	struct pair *p = *state;
	struct buf early = {.p = NULL}, late = {.p = NULL};
	uint64_t before = slots_link_counter(linknode_slots(&p->b), LINK_COUNT_BAD);
	int64_t first = connect_as(&p->a, session_create_status, &early), second;

	meet(p);
	second = connect_as(&p->a, session_create_status, &late);
	linknode_exchange(&p->a, &p->b);
	assert_true(knows(&p->b, first) && knows(&p->b, second));
	assert_int_equal(slots_link_counter(linknode_slots(&p->b), LINK_COUNT_BAD), before);
	buf_free(&early);
	buf_free(&late);
}

int
main(void)
{
#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
	    PAIR_TEST(nodes_that_meet_know_what_there_was),
	    PAIR_TEST(what_becomes_of_sessions_is_told),
	    PAIR_TEST(many_sessions_go_in_portions_and_changes_meanwhile_count),
	    PAIR_TEST(a_new_snapshot_replaces_the_old_one),
	    PAIR_TEST(a_turn_that_fails_is_taken_in_again),
	    PAIR_TEST(a_node_that_dies_is_told_once_and_forgotten),
	    PAIR_TEST(a_snapshot_that_was_cut_off_is_asked_for_again),
	    PAIR_TEST(commands_are_done_at_home),
	    PAIR_TEST(every_node_keeps_the_history_of_a_room),
	    PAIR_TEST(a_question_is_asked_at_home),
	    PAIR_TEST(mail_is_found_wherever_its_user_comes),
	    PAIR_TEST(mail_goes_with_the_snapshot_and_a_node_that_was_away_gets_it_anew),
	    PAIR_TEST(nobody_can_take_what_is_ours),
	    PAIR_TEST(garbage_is_counted_and_harmless),
	    PAIR_TEST(a_page_of_the_status_is_nothing_malformed),
	};

	log_open("test_link_members", LOG_LEVEL_ERROR, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
