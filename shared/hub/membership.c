/* membership: namespaces and rooms as a session joins and leaves them. */
#include <errno.h>
#include <stdlib.h>

#include "shared/base/buf.h"
#include "shared/hub/channel.h"
#include "shared/hub/early.h"
#include "shared/hub/history.h"
#include "shared/hub/internal.h"
#include "shared/hub/mail.h"
#include "shared/hub/publish.h"
#include "shared/link/pack.h"
#include "shared/store/end_request.h"
#include "shared/store/message_log.h"
#include "shared/store/room_history.h"
#include "shared/store/slots.h"
#include "shared/store/subscription.h"
#include "shared/store/timer_row.h"
#include "shared/wire/json.h"

/* --- joining -------------------------------------------------------------------------------- */

void
membership_mark_waiting(struct hub *h, const struct session *s)
{
	struct filter *waiting = slots_waiting(store_slots(h->store));

	for (uint32_t i = 0; i < s->subs_n; i++)
		filter_add(waiting, s->subs[i].chan);
}

/* The membership `chan`, just added, must be known to the process that holds the transport. */
static int
announce_membership(
    struct hub *h, struct session *s, int64_t chan, struct slice ns, const struct subscription *sub)
{
	if (!s->row.streaming)
		filter_add(slots_waiting(store_slots(h->store)), chan);
	if (h->o.cluster)
		slots_link_add_young(store_slots(h->store), chan);
	presence_joined(h, s->row.key, ns, sub->room);
	if (s->ops != NULL) {
		channel_link(h, s, s->subs_n - 1);
		return 0;
	}
	/* its filter first: what is sent right after our commit must be logged for it already */
	if (s->row.owner >= 0)
		filter_add(slots_filter(store_slots(h->store), s->row.owner), chan);
	return hub_publish_control_room(h, s, true, ns, sub->room, sub->endpoint);
}

/* As membership_add(); 1: it was a member already. */
static int
add_membership(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice room, struct slice endpoint)
{
	struct subscription sub = {
	    .chan = room.p == NULL ? ns->chan : message_log_channel(ns->name, room),
	    .until = INT64_MAX,
	    .ns = ns->name,
	    .room = room,
	    .endpoint = endpoint,
	};

	if (held_sub(s, sub.chan) != NULL)
		return 1;
	/* opening it catches up, and another process may have ended the session, or made it join */
	if (transaction_open(h) == -1 || s->over)
		return -1;
	if (held_sub(s, sub.chan) != NULL)
		return 1;
	if ((room.p != NULL && s->rooms_n >= h->o.rooms_per_session) ||
	    s->left_n >= 2 * (uint64_t)h->o.rooms_per_session)
		return quota_refuse(h, s->row.key, "rooms_per_session");
	sub.since = h->head;
	/* before memory changes: if the turn fails, the store does not have it so */
	held_visit(h, s);
	if (subscription_add(h->store, s->row.key, &sub) == -1 ||
	    held_add_sub(h, s, &sub) == NULL ||
	    announce_membership(h, s, sub.chan, ns->name, &sub) == -1) {
		h->failed = true;
		return -1;
	}
	return 0;
}

int
membership_add(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice room, struct slice endpoint)
{
	int result = add_membership(h, s, ns, room, endpoint);

	return result == 1 ? 0 : result;
}

/* The last of these packets that together take half of a session's queue: there must be room for
 * what comes next. */
static struct slice
fit_in_queue(const struct hub *h, struct slice texts)
{
	struct pack_reader in = {.rest = texts};
	size_t n = 0;

	for (; in.rest.n > 0; n++)
		(void)pack_read_text(&in);
	in = (struct pack_reader){.rest = texts};
	for (; n > h->o.queue_packets / 2 || in.rest.n > h->o.queue_bytes / 2; n--)
		(void)pack_read_text(&in);
	return in.rest;
}

/* The session has joined the room, in the open transaction: send it the room's last messages.
 * `history` as in membership_join_history(). */
static int
send_history(struct hub *h, struct session *s, struct slice ns, struct slice room, int history)
{
	struct buf texts = {.p = NULL};
	struct pack_reader in;
	struct room_history r;
	int64_t chan = message_log_channel(ns, room);
	int result = history_note(h, ns, room, chan, history, history == 0 ? NULL : &r);

	if (history == 0)
		return result == -1 ? -1 : 0;
	if (result == 1)
		result =
		    history_read(h, &r, history < 0 ? r.configured : history, s->row.key, &texts);
	in = (struct pack_reader){.rest = fit_in_queue(h, buf_slice(&texts))};
	while (result == 0 && in.rest.n > 0)
		result = hub_publish_session(h, s, pack_read_text(&in), false);
	buf_free(&texts);
	return result;
}

static int
join_room(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room, int history)
{
	int result = add_membership(h, s, ns, room, (struct slice){NULL, 0});

	if (result == 0)
		result = send_history(h, s, ns->name, room, history);
	return result == 1 ? 0 : result;
}

int
membership_join(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room)
{
	return membership_join_history(h, s, ns, room, -1);
}

int
membership_join_history(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice room, int history)
{
	if (s->over)
		return -1;
	if (held_is_remote(s)) {
		/* what is sent to the room next is to go there, too */
		slots_link_add_young(store_slots(h->store), message_log_channel(ns->name, room));
		return link_command(h, s,
		    &(struct link_command){.what = LINK_JOIN,
			.ns = ns->name,
			.name = room,
			.number = (int64_t)history + 1});
	}
	return join_room(h, s, ns, room, history);
}

static int
join_listed(struct hub *h, struct session *s, struct hub_ns *ns, const struct json_value *rooms)
{
	struct buf name = {.p = NULL};
	struct json_value room;
	struct json_walk walk;
	int result = 0;

	/* it was checked by the node that has read the token, which may be another one */
	if (rooms->kind != JSON_KIND_ARRAY)
		return 0;
	json_walk_begin(&walk, rooms);
	while (result == 0 && json_walk_element(&walk, &room)) {
		if (room.kind != JSON_KIND_STRING)
			continue;
		buf_clear(&name);
		json_string_decode(&name, room.text);
		if (name.failed)
			transaction_fail(h);
		result = name.failed
		             ? -1
		             : join_room(h, s, ns,
				   (struct slice){name.p == NULL ? "" : name.p, name.n}, -1);
	}
	buf_free(&name);
	return result == -EDQUOT ? 0 : result;
}

int
membership_join_granted(struct hub *h, struct session *s, struct hub_ns *ns)
{
	struct json_value granted, rooms;
	struct json_walk walk;
	struct slice name;
	int result = 0;
	char *text;

	if (!s->row.has_rooms)
		return 0;
	text = session_row_rooms(h->store, s->row.key);
	if (text == NULL || json_parse(&granted, slice_of(text)) == -1) {
		free(text);
		return 0;
	}
	if (granted.kind == JSON_KIND_OBJECT)
		json_walk_begin(&walk, &granted);
	else if (ns->name.n == 0)
		result = join_listed(h, s, ns, &granted);
	/* namespace names are C strings (name_is_namespace()) */
	while (granted.kind == JSON_KIND_OBJECT && result == 0 &&
	       json_walk_member(&walk, &name, &rooms))
		if (json_string_is(name, ns->name.n == 0 ? "" : ns->name.p))
			result = join_listed(h, s, ns, &rooms);
	free(text);
	return result;
}

struct hub_ns *
membership_namespace(struct hub *h, struct slice endpoint, struct slice *query)
{
	const char *mark = endpoint.n == 0 ? NULL : memchr(endpoint.p, '?', endpoint.n);
	struct slice name = endpoint;

	*query = (struct slice){NULL, 0};
	if (mark != NULL) {
		name.n = (size_t)(mark - endpoint.p);
		*query = slice_skip(endpoint, name.n + 1);
	}
	return h->o.app.find(h->o.app.arg, name);
}

void
membership_refuse(struct hub *h, struct session *s, struct slice endpoint)
{
	struct slice query;
	const struct hub_ns *ns = membership_namespace(h, endpoint, &query);

	counters_count(store_slots(h->store), COUNT_REFUSED_NAMESPACE);
	if (ns != NULL)
		early_drop(h, s, ns);
	hub_publish_packet(
	    h, s, &(struct packet){.type = PACKET_ERROR, .endpoint = endpoint, .data = SLICE("2")});
}

void
membership_accept(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice endpoint, struct slice query)
{
	struct slice alias = slice_equal(endpoint, ns->name) ? (struct slice){NULL, 0} : endpoint;
	bool again;
	int joined;

	/* catch up: another process may have made it join meanwhile */
	if (held_sub(s, ns->chan) == NULL && transaction_open(h) == -1)
		return;
	again = held_sub(s, ns->chan) != NULL;
	if (!again) {
		joined = membership_add(h, s, ns, (struct slice){NULL, 0}, alias);
		if (joined == -EDQUOT) /* it came and went too often */
			membership_refuse(h, s, endpoint);
		if (joined != 0)
			return;
	}
	/* 1:: comes before anything that the application sends on the connection */
	hub_publish_packet(h, s, &(struct packet){.type = PACKET_CONNECT, .endpoint = endpoint});
	if (again || mail_deliver(h, s, ns) == -1 || membership_join_granted(h, s, ns) == -1)
		return;
	h->o.app.connected(h->o.app.arg, ns, s, query);
	early_deliver(h, s, ns);
}

/* --- leaving -------------------------------------------------------------------------------- */

/* The last row that a session which leaves now still gets; -1: none, forget the membership.  A poll
 * may not have collected what was sent before. */
static int64_t
leave_until(const struct hub *h, const struct session *s)
{
	return s->row.streaming ? -1 : h->head;
}

/* Write that the session leaves. */
static int
end_in_store(struct hub *h, struct session *s, const struct sub *sub)
{
	int64_t until = leave_until(h, s);

	/* nothing was sent meanwhile: so coming and going leaves nothing behind */
	if (until >= 0 && until <= sub->since)
		return subscription_forget(h->store, s->row.key, sub->chan, sub->since);
	s->left_n += until >= 0;
	return subscription_end(h->store, s->row.key, sub->chan, until);
}

int
membership_leave(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room)
{
	struct slice none = {NULL, 0};
	int64_t chan = message_log_channel(ns->name, room);
	struct sub *sub;

	if (!s->over && held_is_remote(s))
		return link_command(
		    h, s, &(struct link_command){.what = LINK_LEAVE, .ns = ns->name, .name = room});
	if (s->over || held_sub(s, chan) == NULL)
		return 0;
	if (transaction_open(h) == -1)
		return -1;
	/* opening it catches up, and control messages change `subs` */
	sub = held_sub(s, chan);
	if (sub == NULL || s->over)
		return 0;
	held_visit(h, s); /* as in membership_add() */
	if (end_in_store(h, s, sub) == -1 ||
	    (s->ops == NULL && hub_publish_control_room(h, s, false, ns->name, room, none) == -1)) {
		h->failed = true;
		return -1;
	}
	held_remove_sub(h, s, sub);
	presence_left(h, s->row.key, ns->name, room);
	return 0;
}

int
membership_leave_namespace(struct hub *h, struct session *s, struct hub_ns *ns, const char *reason)
{
	struct slice none = {NULL, 0};
	struct sub *sub = held_sub(s, ns->chan);

	if (sub == NULL || sub->leaving)
		return 0;
	held_visit(h, s); /* as in membership_add() */
	/* the application is told while the session is still in its rooms, so that it can send to
	 * the others in them; `leaving` keeps it from being told twice */
	sub->leaving = true;
	h->o.app.disconnected(h->o.app.arg, ns, s, reason);
	if (transaction_open(h) == -1)
		return -1;
	if (s->over) /* ended by the handler, or by another process before we caught up */
		return 0;
	if (subscription_end_namespace(h->store, s->row.key, ns->name, leave_until(h, s)) == -1) {
		h->failed = true;
		return -1;
	}
	/* backwards: removing moves the last one into the gap */
	for (uint32_t i = s->subs_n; i-- > 0;)
		if (s->subs[i].ns == ns && s->subs[i].until == INT64_MAX) {
			held_remove_sub(h, s, &s->subs[i]);
			s->left_n += !s->row.streaming;
		}
	presence_left(h, s->row.key, ns->name, none);
	if (timer_row_drop_namespace(h->store, s->row.key, ns->name) == -1) {
		h->failed = true;
		return -1;
	}
	if (early_shut(h, s, ns) == -1)
		return -1;
	if (s->ops != NULL)
		return 0;
	return hub_publish_control_room(h, s, false, ns->name, none, none);
}

void
membership_tell_all(struct hub *h, struct session *s, const char *reason)
{
	/* by position, from the end: a handler may leave rooms, which shortens the list */
	for (uint32_t i = s->subs_n; i-- > 0;) {
		struct sub *sub = &s->subs[i];

		if (i >= s->subs_n || !sub->is_ns || sub->ns == NULL || sub->leaving ||
		    sub->until != INT64_MAX)
			continue;
		sub->leaving = true;
		h->o.app.disconnected(h->o.app.arg, sub->ns, s, reason);
	}
}

void
membership_ask_end(struct hub *h, struct session *s, struct slice ns, const char *reason)
{
	if (transaction_open(h) == -1 || end_request_add(h->store, s->row.key, ns, reason) == -1)
		h->failed = true;
}

/* The namespace as the client writes it ("/chat?x=1"), or its name. */
static struct slice
endpoint_of_client(const struct session *s, const struct hub_ns *ns)
{
	const struct sub *sub = held_sub(s, ns->chan);

	return sub != NULL && sub->endpoint != NULL ? slice_of(sub->endpoint) : ns->name;
}

void
membership_kick(struct hub *h, struct session *s, struct hub_ns *ns, const char *reason)
{
	struct packet pk = {.type = PACKET_DISCONNECT, .endpoint = endpoint_of_client(s, ns)};
	struct buf text = {.p = NULL};

	if (s->over || !membership_hears(s, ns))
		return;
	if (h->o.no_app) {
		membership_ask_end(h, s, ns->name, reason);
		return;
	}
	if (held_is_remote(s)) {
		(void)link_command(h, s,
		    &(struct link_command){
			.what = LINK_KICK, .ns = ns->name, .text = slice_of(reason)});
		return;
	}
	/* encoded before leaving, which frees the endpoint; sent after, so that 0:: is the last
	 * packet of the namespace */
	packet_write(&text, &pk);
	if (text.failed)
		h->failed = true;
	else if (membership_leave_namespace(h, s, ns, reason) == 0)
		hub_publish_session(h, s, buf_slice(&text), false);
	buf_free(&text);
}

/* --- looking -------------------------------------------------------------------------------- */

bool
membership_hears(const struct session *s, const struct hub_ns *ns)
{
	const struct sub *sub = held_sub(s, ns->chan);

	return sub != NULL && !sub->leaving;
}

void
membership_each_room(const struct session *s, const struct hub_ns *ns,
    void (*each)(void *arg, int64_t chan), void *arg)
{
	for (uint32_t i = 0; i < s->subs_n; i++) {
		const struct sub *sub = &s->subs[i];

		if (sub->ns == ns && !sub->is_ns && !sub->leaving && sub->until == INT64_MAX)
			each(arg, sub->chan);
	}
}
