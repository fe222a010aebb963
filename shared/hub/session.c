/* session: finding and ending sessions, and what becomes of their transports. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "shared/hub/internal.h"
#include "shared/hub/mail.h"
#include "shared/hub/publish.h"
#include "shared/hub/user_presence.h"
#include "shared/store/message_log.h"
#include "shared/store/subscription.h"
#include "shared/wire/sid.h"

/* --- finding -------------------------------------------------------------------------------- */

struct sub_loader {
	struct hub *h;
	struct session *s;
	bool failed;
};

static void
add_loaded_sub(void *arg, const struct subscription *sub)
{
	struct sub_loader *loader = arg;

	if (!loader->failed && held_add_sub(loader->h, loader->s, sub) == NULL)
		loader->failed = true;
}

static int
load_subs(struct hub *h, struct session *s)
{
	struct sub_loader loader = {.h = h, .s = s};

	if (subscription_list(h->store, s->row.key, add_loaded_sub, &loader) == -1 || loader.failed)
		return -1;
	return 0;
}

static enum session_find_result
find_result_of(const struct session *s)
{
	return !s->over ? SESSION_LIVE : s->remembered ? SESSION_ENDED : SESSION_UNKNOWN;
}

/* An id that is not known here: another node may have made it, and know it. */
static enum session_find_result
find_maker(const struct hub *h, struct slice sid)
{
	int maker = (int)sid_number(sid);

	return link_is_on(h) && maker != link_number(h) && link_lives(h, maker) ? SESSION_ELSEWHERE
	                                                                        : SESSION_UNKNOWN;
}

/* End a session that is past its deadline, but not yet ended by maintenance. */
static void
expire_session(struct hub *h, struct session *s)
{
	if (!s->over)
		session_end(h, s, s->row.streaming ? "socket end" : "close timeout", false);
	else if (session_row_delete(h->store, s->row.key) == -1)
		h->failed = true;
	s->remembered = false;
}

/* Its row was read: the rest of it. */
static enum session_find_result
complete_session(struct hub *h, struct session *s)
{
	if (s->row.state == STORE_ENDED)
		s->over = s->remembered = true;
	if (s->row.state == STORE_MOVED) {
		s->over = true;
		/* who has collected it all and asks again is nobody that we know */
		s->remembered =
		    (s->row.inflight != -1 ? s->row.inflight : s->row.cursor) < s->row.last;
	}
	if (s->row.state == STORE_REMOTE_NOTE)
		s->over = true;
	/* of one that has ended: for the poll that collects what came before */
	if ((s->row.state == STORE_OPEN || s->row.state == STORE_REMOTE || s->row.last != 0) &&
	    load_subs(h, s) == -1)
		return SESSION_FAILED;
	/* a stream lives as long as its process, whatever its deadline says */
	if (s->row.deadline <= h->now && !(s->row.streaming && s->row.owner >= 0))
		expire_session(h, s);
	return find_result_of(s);
}

/* Read a session from the store into memory for this turn. */
static enum session_find_result
load_session(struct hub *h, int64_t key, struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));
	enum store_result loaded;

	if (s == NULL)
		return SESSION_FAILED;
	loaded = session_row_load(h->store, key, &s->row);
	if (loaded != STORE_OK) {
		free(s);
		return loaded == STORE_NOT_FOUND ? SESSION_UNKNOWN : SESSION_FAILED;
	}
	held_add(h, s); /* the end of the turn frees it, on failure too */
	*out = s;
	return complete_session(h, s);
}

/* The same of one that is in memory. */
static enum session_find_result
reload_session(struct hub *h, struct session *s)
{
	enum store_result loaded;

	s->stale = s->unsaved = false;
	while (s->subs_n > 0)
		held_remove_sub(h, s, &s->subs[0]);
	s->left_n = 0;
	loaded = session_row_load(h->store, s->row.key, &s->row);
	if (loaded == STORE_OK)
		return complete_session(h, s);
	s->over = true;
	return loaded == STORE_NOT_FOUND ? SESSION_UNKNOWN : SESSION_FAILED;
}

enum session_find_result
session_find_key(struct hub *h, int64_t key, struct session **out)
{
	struct session *s;

	/* in the transaction, and so after every control message: what is in memory is true */
	if (transaction_open(h) == -1)
		return SESSION_FAILED;
	s = held_find(h, key);
	if (s == NULL)
		return load_session(h, key, out);
	*out = s;
	return s->stale ? reload_session(h, s) : find_result_of(s);
}

enum session_find_result
session_find(struct hub *h, struct slice sid, struct session **out)
{
	enum session_find_result result;
	int64_t key;

	if (!sid_well_formed(sid))
		return SESSION_UNKNOWN;
	key = sid_key(sid);
	result = session_find_key(h, key, out);
	if (result == SESSION_UNKNOWN && held_find(h, key) == NULL)
		return find_maker(h, sid);
	/* also one that has ended there: its node knows what its client is to be told */
	if (result != SESSION_FAILED && (*out = held_find(h, key)) != NULL && held_is_remote(*out))
		return (*out)->row.deadline > h->now ? SESSION_ELSEWHERE : SESSION_UNKNOWN;
	/* the key is no secret; the id is, and is compared in constant time */
	if ((result == SESSION_LIVE || result == SESSION_ENDED) &&
	    CRYPTO_memcmp((*out)->row.sid, sid.p, SID_LENGTH) != 0)
		return SESSION_UNKNOWN;
	return result;
}

struct session *
session_stream_here(struct hub *h, int64_t key)
{
	struct session *s = held_find(h, key);

	return s != NULL && session_streams_here(s) ? s : NULL;
}

bool
session_streams_here(const struct session *s)
{
	return s->ops != NULL && s->row.streaming;
}

/* --- transports ----------------------------------------------------------------------------- */

int
session_begin(struct hub *h, struct session *s)
{
	bool is_status = sid_is_status(s->row.sid);
	struct hub_ns *first =
	    h->o.app.find(h->o.app.arg, is_status ? SLICE(SESSION_STATUS_NS) : SLICE(""));
	struct slice none = {NULL, 0};

	s->row.state = STORE_OPEN;
	lifecycle_connected(h, s);
	counters_count(store_slots(h->store), (enum counter)(COUNT_CONNECTED + s->row.transport));
	presence_connected(h, s);
	/* 1:: before anything that the application sends */
	if (hub_publish_session(h, s, SLICE("1::"), false) == -1 ||
	    (first != NULL && membership_add(h, s, first, none, none) == -1))
		return -1;
	if (!is_status) {
		/* what its user has missed is older than all that comes now */
		if ((s->row.has_user && mail_deliver(h, s, first) == -1) ||
		    membership_join_granted(h, s, first) == -1)
			return -1;
		if (s->row.has_user)
			user_presence_begins(h, s->row.key);
	}
	if (!s->over && first != NULL) /* its handler may have ended it */
		h->o.app.connected(h->o.app.arg, first, s, SLICE(""));
	return 0;
}

int
session_connect(struct hub *h, struct session *s, enum transport_id transport)
{
	if (s->row.state != STORE_NEW)
		return 0;
	if (transaction_open(h) == -1)
		return -1;
	s->row.transport = (int)transport;
	s->row.streaming = false;
	s->row.cursor = h->head;
	s->row.deadline = h->now + h->o.close_timeout_ms;
	s->unsaved = true;
	return session_begin(h, s);
}

void
session_detach(struct hub *h, struct session *s)
{
	if (s->ops == NULL)
		return;
	/* without a transaction let go of the sink all the same: the caller is about to free it.
	 * Opening one may have ended or superseded it, so look at `ops` again */
	if (!s->row.streaming && !s->over && transaction_open(h) == 0 && s->ops != NULL) {
		s->row.owner = -1;
		s->row.deadline = h->now + h->o.close_timeout_ms;
		/* one that opened in this turn is written when the turn ends */
		if (!s->unsaved && session_row_reserve(h->store, s->row.key, s->row.gen,
				       s->row.cursor, s->row.deadline) == STORE_FAILED)
			h->failed = true;
	}
	held_detach(h, s);
}

void
session_undelivered(struct hub *h, int64_t key, int64_t gen)
{
	struct message_span span;
	enum session_find_result found;
	struct session *s;

	if (transaction_open(h) == -1 || session_row_unreserve(h->store, key, gen) == -1 ||
	    message_log_span(h->store, &span) == -1) {
		h->failed = true;
		return;
	}
	found = session_find_key(h, key, &s);
	if ((found != SESSION_LIVE && found != SESSION_ENDED) || s->row.gen != gen)
		return;
	/* its next poll may open in this turn */
	s->row.inflight = -1;
	/* a log that is too large takes what was sent for collected (trim.c) */
	if (found == SESSION_LIVE && s->row.cursor < span.oldest - 1)
		session_end(h, s, "queue overflow", false);
}

void
session_heard(struct hub *h, struct session *s)
{
	if (s->over || !s->row.streaming)
		return;
	if (s->ops == NULL)
		hub_publish_control(h, s->row.key, s->row.owner, SLICE("H"));
	else if (s->ops->heard != NULL)
		s->ops->heard(s->sink);
}

bool
session_pause(struct session *s, bool paused)
{
	if (s->over || s->ops == NULL || s->ops->pause == NULL)
		return false;
	s->ops->pause(s->sink, paused);
	return true;
}

/* --- ending --------------------------------------------------------------------------------- */

/* End it in the store and tell the application and the process that holds it.  -1: the turn is
 * lost. */
static int
end_row(struct hub *h, struct session *s, const char *reason, enum held_end_way way)
{
	static const struct slice controls[] = {
	    [END_FORGOTTEN] = {"X", 1},
	    [END_REMEMBERED] = {"E", 1},
	    [END_MOVED] = {"M", 1},
	};
	struct session_row row;
	bool is_kept, had_user, user_told = false;
	/* the store's row: ours may be unsaved, and the application must hear of an end only
	 * once */
	enum store_result loaded = session_row_load(h->store, s->row.key, &row);

	if (loaded == STORE_FAILED) {
		h->failed = true;
		return -1;
	}
	if (loaded == STORE_NOT_FOUND || row.state == STORE_ENDED || row.state == STORE_MOVED)
		return 0;
	had_user = row.has_user;
	if (s->unsaved) /* it opened in this turn */
		row = s->row;
	is_kept = held_is_kept(&row, way);
	/* a handler that ends the session again, or sends to it, must not come back to here */
	s->ending = true;
	show_watchers(h, WATCH_END, s->row.key, slice_of(reason));
	lifecycle_ended(s, s->row.state == STORE_OPEN, reason);
	if (s->row.state == STORE_OPEN)
		counters_disconnect(store_slots(h->store), reason);
	/* while its rooms and its data are still there, for the handlers to use */
	if (s->row.state == STORE_OPEN) {
		membership_tell_all(h, s, reason);
		/* a handler may just have given it one */
		if (had_user || s->row.has_user)
			user_told = user_presence_ends(h, s->row.key);
	}
	/* for polls the last packet is a message, behind those that wait to be collected */
	if (is_kept && row.state == STORE_OPEN && !row.streaming) {
		if (hub_publish_session(
			h, s, way == END_MOVED ? SLICE("7:::+0") : SLICE("0::"), false) == -1)
			return -1;
		row.last = h->head;
	}
	if (row.state == STORE_OPEN || (int)sid_key_number(row.key) != link_number(h))
		presence_ended(h, row.key, is_kept, user_told);
	/* before the owner is gone from the store */
	if (s->ops == NULL && hub_publish_control(h, row.key, row.owner, controls[way]) == -1)
		return -1;
	row.state = way == END_MOVED ? STORE_MOVED : STORE_ENDED;
	row.deadline = h->now + h->o.close_timeout_ms;
	if ((is_kept ? session_row_end(h->store, &row) : session_row_delete(h->store, row.key)) ==
	    -1)
		h->failed = true;
	s->row = row;
	s->unsaved = false; /* it is saved */
	s->ending = false;
	return 0;
}

static void
end_held(struct hub *h, struct session *s, const char *reason, enum held_end_way way)
{
	/* first: if the turn fails, no transport may stay with a session that is half ended */
	held_visit(h, s);
	if (end_row(h, s, reason, way) == -1)
		return;
	/* last: what the handlers sent to it comes before the end */
	held_end(h, s, way);
}

void
session_end(struct hub *h, struct session *s, const char *reason, bool remember)
{
	if (s->over || s->ending)
		return;
	if (h->o.no_app) {
		membership_ask_end(h, s, SLICE(""), reason);
		return;
	}
	/* catching up may bring the news that another process ended it */
	if (transaction_open(h) == -1 || s->over)
		return;
	if (held_is_remote(s)) {
		s->over =
		    link_command(h, s,
			&(struct link_command){
			    .what = LINK_END, .number = remember, .text = slice_of(reason)}) == 0;
		return;
	}
	end_held(h, s, reason, remember ? END_REMEMBERED : END_FORGOTTEN);
}

void
session_move(struct hub *h, struct session *s, const char *reason)
{
	/* catching up may bring the news that another process ended it */
	if (!s->over && !s->ending && transaction_open(h) == 0 && !s->over)
		end_held(h, s, reason, END_MOVED);
}

/* --- accessors ------------------------------------------------------------------------------ */

bool
session_is_over(const struct session *s)
{
	return s->over;
}

bool
session_is_connected(const struct session *s)
{
	return s->row.state != STORE_NEW;
}

bool
session_has_spoken(const struct session *s)
{
	return s->row.spoke;
}

bool
session_has_pending(const struct session *s)
{
	return s->pending_n > 0;
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
session_is_remote(const struct session *s)
{
	return held_is_remote(s);
}

bool
session_has_sink(const struct session *s, const void *sink)
{
	return s->ops != NULL && s->sink == sink;
}
