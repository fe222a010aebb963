/* Sessions: finding, opening and ending them, and their rooms. */
#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/wire/handshake.h"

/* The process that holds a poll may die without a word: the session then lives this much longer
 * than its poll could have. */
#define POLL_SLACK_MS 5000

/* An id that was given out already is less likely than a broken database. */
#define SID_TRIES 3

/* --- in memory ------------------------------------------------------------------------------- */

struct session *
session_at(struct hub *h, int64_t key)
{
	struct session *s;

	HASH_FIND(hh, h->sessions, &key, sizeof(key), s);
	return s;
}

void
session_visit(struct hub *h, struct session *s)
{
	if (s->visiting)
		return;
	s->visiting = true;
	s->next_visit = h->visits;
	h->visits = s;
}

void
session_clear_pending(struct session *s)
{
	for (uint32_t i = 0; i < s->pending_n; i++)
		message_release(s->pending[i]);
	free(s->pending);
	s->pending = NULL;
	s->pending_n = s->pending_cap = 0;
	s->pending_bytes = 0;
}

void
session_not_ready(struct hub *h, struct session *s)
{
	struct session **at = &h->ready;

	if (!s->ready)
		return;
	while (*at != s)
		at = &(*at)->next_ready;
	*at = s->next_ready;
	s->ready = false;
}

void
session_free(struct hub *h, struct session *s)
{
	HASH_DEL(h->sessions, s);
	channel_detach(h, s);
	session_not_ready(h, s);
	session_clear_pending(s);
	for (uint32_t i = 0; i < s->subs_n; i++)
		free(s->subs[i].endpoint);
	free(s->subs);
	free(s);
}

void
session_detach(struct hub *h, struct session *s)
{
	if (s->ops == NULL)
		return;
	s->ops = NULL;
	s->sink = NULL;
	h->held--;
	channel_detach(h, s);
	session_not_ready(h, s);
	session_clear_pending(s);
	session_visit(h, s); /* freed when the turn ends */
}

void
session_drop_sink(struct hub *h, struct session *s, enum sink_end why)
{
	const struct sink_ops *ops = s->ops;
	void *sink = s->sink;

	if (ops == NULL)
		return;
	session_detach(h, s);
	ops->end(sink, why);
}

static void
add_loaded_sub(void *arg, const struct store_sub *sub)
{
	struct session **s = arg;
	struct hub *h = ((void **)arg)[1];

	if (*s != NULL && session_add_sub(h, *s, sub) == NULL)
		*s = NULL;
}

int
session_load_subs(struct hub *h, struct session *s)
{
	void *arg[2] = {s, h};

	if (store_subs(h->store, s->row.key, add_loaded_sub, arg) == -1 || arg[0] == NULL)
		return -1;
	return 0;
}

static enum hub_find_result
found(const struct session *s)
{
	return !s->over ? HUB_LIVE : s->remembered ? HUB_ENDED : HUB_UNKNOWN;
}

/* Its time is up, and the housekeeper has not come by yet. */
static void
expire(struct hub *h, struct session *s)
{
	if (!s->over)
		hub_end(h, s, s->row.streaming ? "socket end" : "close timeout", false);
	else if (store_session_end(h->store, s->row.key, 0) == -1)
		h->failed = true;
	s->remembered = false;
}

/* Read a session from the store into memory for this turn. */
static enum hub_find_result
load(struct hub *h, int64_t key, struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));
	int rows;

	if (s == NULL)
		return HUB_FAILED;
	rows = store_session_load(h->store, key, &s->row);
	if (rows != 1) {
		free(s);
		return rows == 0 ? HUB_UNKNOWN : HUB_FAILED;
	}
	HASH_ADD(hh, h->sessions, row.key, sizeof(s->row.key), s);
	session_visit(h, s);
	if (s->row.state == STORE_ENDED)
		s->over = s->remembered = true;
	else if (s->row.state == STORE_OPEN && session_load_subs(h, s) == -1)
		return HUB_FAILED;
	if (s->row.deadline <= h->now && !(s->row.streaming && s->row.owner >= 0))
		expire(h, s);
	*out = s;
	return found(s);
}

enum hub_find_result
hub_find_key(struct hub *h, int64_t key, struct session **out)
{
	struct session *s;

	/* in the transaction, and so after every control message: what is in memory is true */
	if (hub_transaction(h) == -1)
		return HUB_FAILED;
	s = session_at(h, key);
	if (s == NULL)
		return load(h, key, out);
	*out = s;
	return found(s);
}

enum hub_find_result
hub_find(struct hub *h, struct slice sid, struct session **out)
{
	enum hub_find_result result;

	if (!sid_well_formed(sid))
		return HUB_UNKNOWN;
	result = hub_find_key(h, sid_key(sid), out);
	if ((result == HUB_LIVE || result == HUB_ENDED) &&
	    CRYPTO_memcmp((*out)->row.sid, sid.p, SID_LENGTH) != 0)
		return HUB_UNKNOWN;
	return result;
}

/* --- making ---------------------------------------------------------------------------------- */

static bool
too_many(struct hub *h, struct slice address)
{
	int64_t n;

	if (slots_sessions(store_slots(h->store)) >= (int64_t)h->o.sessions)
		return true;
	if (h->o.sessions_per_address == 0)
		return false;
	n = store_session_count(h->store, address);
	return n < 0 || n >= (int64_t)h->o.sessions_per_address;
}

/* Return 1 when there is a session of this id. */
static int
add_session(struct hub *h, const char *handshake, struct slice address, const char *sid)
{
	struct slice text = {sid, SID_LENGTH};
	int result = store_session_create(h->store, sid_key(text), text,
	    h->now + h->o.handshake_timeout_ms, address, slice_of(handshake));

	if (result == 0 && h->o.app.created != NULL)
		result = h->o.app.created(h->o.app.arg, sid_key(text));
	return result;
}

/* `given`: the id is, and not to be made. */
static enum hub_create_result
create(struct hub *h, const char *handshake, struct slice address, char *sid, const char *given)
{
	int verdict = h->o.app.authorize(h->o.app.arg, handshake);
	int result, tries = 0;

	if (verdict != 0)
		return verdict == -EACCES   ? HUB_UNAUTHORIZED
		       : verdict == -EAGAIN ? HUB_BUSY
		                            : HUB_APP_ERROR;
	if (hub_transaction(h) == -1 || too_many(h, address))
		return HUB_BUSY;
	do {
		if (given == NULL && sid_generate(sid) == -1)
			return HUB_BUSY;
		result = add_session(h, handshake, address, given == NULL ? sid : given);
	} while (result == 1 && given == NULL && ++tries < SID_TRIES);
	if (result == 0)
		return HUB_CREATED;
	h->failed = true;
	return HUB_BUSY;
}

enum hub_create_result
hub_create(struct hub *h, const char *handshake, struct slice address, char sid[STORE_SID_SIZE])
{
	return create(h, handshake, address, sid, NULL);
}

enum hub_create_result
hub_create_as(
    struct hub *h, const char *handshake, struct slice address, const char sid[STORE_SID_SIZE])
{
	return create(h, handshake, address, NULL, sid);
}

/* --- opening --------------------------------------------------------------------------------- */

/* A session between two polls belongs to nobody: everybody must know that its channels count. */
static void
mark_waiting(struct hub *h, const struct session *s)
{
	struct filter *waiting = slots_waiting(store_slots(h->store));

	for (uint32_t i = 0; i < s->subs_n; i++)
		filter_add(waiting, s->subs[i].chan);
}

static int
add_membership(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice room, struct slice endpoint)
{
	struct store_sub sub = {
	    .chan = room.p == NULL ? ns->chan : store_channel(ns->name, room),
	    .until = INT64_MAX,
	    .ns = ns->name,
	    .room = room,
	    .endpoint = endpoint,
	};

	if (session_sub(s, sub.chan) != NULL)
		return 0;
	if (hub_transaction(h) == -1)
		return -1;
	sub.since = h->head;
	if (store_sub_add(h->store, s->row.key, &sub) == -1 || session_add_sub(h, s, &sub) == NULL)
		goto fail;
	if (!s->row.streaming)
		mark_waiting(h, s);
	if (s->ops != NULL) {
		channel_link(h, s, s->subs_n - 1);
		return 0;
	}
	if (s->row.owner >= 0) /* what is sent next must be logged for it already */
		filter_add(slots_filter(store_slots(h->store), s->row.owner), sub.chan);
	if (log_control_room(h, s, true, ns->name, room, endpoint) == -1)
		goto fail;
	return 0;
fail:
	h->failed = true;
	return -1;
}

/* The session's first transport: it is connected to the default namespace. */
static int
connect_session(struct hub *h, struct session *s)
{
	struct hub_ns *root = h->o.app.find(h->o.app.arg, SLICE(""));

	s->row.state = STORE_OPEN;
	if (hub_send(h, s, SLICE("1::"), false) == -1 ||
	    add_membership(h, s, root, (struct slice){NULL, 0}, (struct slice){NULL, 0}) == -1)
		return -1;
	h->o.app.connected(h->o.app.arg, root, s, SLICE(""));
	return 0;
}

int
hub_connect(struct hub *h, struct session *s, enum transport_id transport)
{
	if (s->row.state != STORE_NEW)
		return 0;
	if (hub_transaction(h) == -1)
		return -1;
	s->row.transport = (int)transport;
	s->row.streaming = false;
	s->row.cursor = h->head;
	s->row.deadline = h->now + h->o.close_timeout_ms;
	s->unsaved = true;
	return connect_session(h, s);
}

/* End whatever holds the session now, here or in another process. */
static int
supersede(struct hub *h, struct session *s)
{
	char text[32];
	int n;

	if (s->ops != NULL) {
		session_drop_sink(h, s, SINK_SUPERSEDED);
		return 0;
	}
	n = snprintf(text, sizeof(text), "T%" PRId64, s->row.gen + 1);
	return log_control(h, s->row.key, s->row.owner, (struct slice){text, (size_t)n});
}

int
hub_attach(struct hub *h, struct session *s, enum transport_id transport, bool streaming,
    const struct sink_ops *ops, void *sink)
{
	struct store_session *row = &s->row;
	bool first = row->state == STORE_NEW, repeat;
	int64_t after;
	int more = 0;

	if (hub_transaction(h) == -1 || s->over || supersede(h, s) == -1)
		return -1;
	/* PROTOCOL 14.2: a client that fell back to another transport before it said a word may
	 * have missed 1:: on the old one */
	repeat = !first && !row->spoke && row->transport != (int)transport;
	after = first || row->streaming ? h->head
	        : row->inflight != -1   ? row->inflight
	                                : row->cursor;
	row->owner = slots_own(store_slots(h->store));
	row->gen++;
	row->cursor = after;
	row->inflight = -1;
	row->transport = (int)transport;
	row->streaming = streaming;
	row->deadline = h->now + h->o.polling_duration_ms + h->o.close_timeout_ms + POLL_SLACK_MS;
	s->unsaved = true;
	session_visit(h, s);
	s->ops = ops;
	s->sink = sink;
	h->held++;
	if (!streaming) {
		log_use_ring(h);
		mark_waiting(h, s);
	}
	channel_attach(h, s);
	if (first)
		return connect_session(h, s);
	if (repeat && hub_send(h, s, SLICE("1::"), false) == -1)
		return -1;
	session_clear_pending(s); /* it is in the log, and collected from there */
	session_not_ready(h, s);
	more = log_collect(h, s, after);
	if (more == 1) {
		hub_end(h, s, "queue overflow", false);
		return 0;
	}
	if (s->pending_n == 0)
		row->cursor = h->head;
	return more;
}

void
hub_detach(struct hub *h, struct session *s)
{
	if (s->ops == NULL)
		return;
	/* without a transaction the sink is let go all the same: it will not be there any more */
	if (!s->row.streaming && !s->over && hub_transaction(h) == 0 && s->ops != NULL) {
		s->row.owner = -1;
		s->row.deadline = h->now + h->o.close_timeout_ms;
		/* one that was opened in this turn is written when the turn ends */
		if (!s->unsaved && store_session_reserve(h->store, s->row.key, s->row.gen,
				       s->row.cursor, s->row.deadline) == -1)
			h->failed = true;
	}
	session_detach(h, s);
}

void
hub_undelivered(struct hub *h, int64_t key, int64_t gen)
{
	if (hub_transaction(h) == -1 || store_session_unreserve(h->store, key, gen) == -1)
		h->failed = true;
}

void
hub_heard(struct hub *h, struct session *s)
{
	if (s->over || !s->row.streaming)
		return;
	if (s->ops == NULL)
		log_control(h, s->row.key, s->row.owner, SLICE("H"));
	else if (s->ops->heard != NULL)
		s->ops->heard(s->sink);
}

/* --- ending ---------------------------------------------------------------------------------- */

static void
tell_namespaces(struct hub *h, struct session *s, const char *reason)
{
	/* a handler may leave rooms, so the list is walked by position, from its end */
	for (uint32_t i = s->subs_n; i-- > 0;) {
		struct sub *sub = &s->subs[i];

		if (i >= s->subs_n || !sub->is_ns || sub->ns == NULL || sub->leaving ||
		    sub->until != INT64_MAX)
			continue;
		sub->leaving = true;
		h->o.app.disconnected(h->o.app.arg, sub->ns, s, reason);
	}
}

/* A program without an application leaves the end to one that has it. */
static void
ask(struct hub *h, struct session *s, struct slice ns, const char *reason)
{
	if (hub_transaction(h) == -1 || store_ask(h->store, s->row.key, ns, reason) == -1)
		h->failed = true;
}

void
hub_end(struct hub *h, struct session *s, const char *reason, bool remember)
{
	struct store_session row;
	int rows;

	if (s->over || s->ending)
		return;
	if (h->o.guest) {
		ask(h, s, SLICE(""), reason);
		return;
	}
	if (hub_transaction(h) == -1 || s->over)
		return;
	rows = store_session_load(h->store, s->row.key, &row);
	if (rows == -1) {
		h->failed = true;
		return;
	}
	if (rows == 1 && row.state != STORE_ENDED) {
		s->ending = true;
		hub_show(h, WATCH_END, s->row.key, slice_of(reason));
		if (s->row.state == STORE_OPEN)
			tell_namespaces(h, s, reason);
		if (s->ops == NULL &&
		    log_control(h, row.key, row.owner, remember ? SLICE("E") : SLICE("X")) == -1)
			return;
		if (store_session_end(
			h->store, row.key, remember ? h->now + h->o.close_timeout_ms : 0) == -1)
			h->failed = true;
		s->ending = false;
	}
	s->over = true;
	s->remembered = remember;
	s->unsaved = false;
	session_drop_sink(h, s, remember ? SINK_DISCONNECTED : SINK_LOST);
	session_visit(h, s);
}

/* --- rooms ----------------------------------------------------------------------------------- */

int
hub_join(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room)
{
	return s->over ? -1 : add_membership(h, s, ns, room, (struct slice){NULL, 0});
}

int
hub_leave(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room)
{
	struct sub *sub = session_sub(s, store_channel(ns->name, room));
	int64_t until;

	if (sub == NULL || s->over)
		return 0;
	if (hub_transaction(h) == -1)
		return -1;
	until = s->row.streaming ? -1 : h->head; /* a poll may still have to see what came before */
	if (store_sub_end(h->store, s->row.key, sub->chan, until) == -1 ||
	    (s->ops == NULL &&
		log_control_room(h, s, false, ns->name, room, (struct slice){NULL, 0}) == -1)) {
		h->failed = true;
		return -1;
	}
	session_remove_sub(h, s, sub);
	return 0;
}

int
session_enter(struct hub *h, struct session *s, struct hub_ns *ns, struct slice endpoint)
{
	struct slice none = {NULL, 0};

	return add_membership(h, s, ns, none, slice_equal(endpoint, ns->name) ? none : endpoint);
}

int
session_exit(struct hub *h, struct session *s, struct hub_ns *ns, const char *reason)
{
	struct slice none = {NULL, 0};
	struct sub *sub = session_sub(s, ns->chan);

	if (sub == NULL || sub->leaving)
		return 0;
	sub->leaving = true;
	h->o.app.disconnected(h->o.app.arg, ns, s, reason);
	if (hub_transaction(h) == -1)
		return -1;
	if (s->over) /* by the handler's word, or another process's */
		return 0;
	if (store_sub_end_namespace(
		h->store, s->row.key, ns->name, s->row.streaming ? -1 : h->head) == -1) {
		h->failed = true;
		return -1;
	}
	for (uint32_t i = s->subs_n; i-- > 0;)
		if (s->subs[i].ns == ns && s->subs[i].until == INT64_MAX)
			session_remove_sub(h, s, &s->subs[i]);
	if (s->ops == NULL && log_control_room(h, s, false, ns->name, none, none) == -1)
		return -1;
	return 0;
}

void
hub_kick(struct hub *h, struct session *s, struct hub_ns *ns, const char *reason)
{
	struct packet pk = {.type = PACKET_DISCONNECT, .endpoint = session_endpoint(s, ns)};
	struct buf text = {.p = NULL};

	if (s->over || !session_hears(s, ns))
		return;
	if (h->o.guest) {
		ask(h, s, ns->name, reason);
		return;
	}
	packet_write(&text, &pk);
	if (text.failed || session_exit(h, s, ns, reason) == -1 ||
	    hub_send(h, s, buf_slice(&text), false) == -1)
		h->failed = true;
	buf_free(&text);
}

/* --- asking ---------------------------------------------------------------------------------- */

bool
session_is_over(const struct session *s)
{
	return s->over;
}

int64_t
session_key(const struct session *s)
{
	return s->row.key;
}

const char *
session_sid(const struct session *s)
{
	return s->row.sid;
}

enum transport_id
session_transport(const struct session *s)
{
	return (enum transport_id)s->row.transport;
}

bool
session_has_sink(const struct session *s, const void *sink)
{
	return s->ops != NULL && s->sink == sink;
}

struct slice
session_endpoint(const struct session *s, const struct hub_ns *ns)
{
	const struct sub *sub = session_sub(s, ns->chan);

	return sub != NULL && sub->endpoint != NULL ? slice_of(sub->endpoint) : ns->name;
}

bool
session_is_in(const struct session *s, int64_t chan)
{
	return session_sub(s, chan) != NULL;
}

bool
session_hears(const struct session *s, const struct hub_ns *ns)
{
	const struct sub *sub = session_sub(s, ns->chan);

	return sub != NULL && !sub->leaving;
}

struct session *
hub_stream_here(struct hub *h, int64_t key)
{
	struct session *s = session_at(h, key);

	return s != NULL && s->ops != NULL && s->row.streaming ? s : NULL;
}
