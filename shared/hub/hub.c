/* Opening, the turn, and what is done once a second. */
#include "shared/hub/hub.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/wire/payload.h"

#define TICK_MS          1000 /* the safety net: wake-ups are datagrams and may get lost */
#define FILTER_PERIOD_MS 5000
#define EXPIRE_MAX       1000 /* sessions ended in one go */
#define TRIM_ROUNDS      20   /* of 1,000 rows, in one go */

/* What fits into one response; the rest waits for the next poll. */
#define POLL_PACKETS_MAX 1000
#define POLL_BYTES_MAX   ((size_t)1 << 20)

struct hub *
hub_open(const struct hub_options *options)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->o = *options;
	h->store = store_open(options->folder, options->kind, options->guest);
	if (h->store == NULL || store_head(h->store, &h->head) == -1) {
		hub_close(h);
		return NULL;
	}
	h->watching = slots_watching(store_slots(h->store));
	slots_set_head(store_slots(h->store), h->head);
	return h;
}

static void
free_sessions(struct hub *h)
{
	struct session *s, *next;

	HASH_ITER (hh, h->sessions, s, next) {
		s->ops = NULL;
		session_free(h, s);
	}
	h->visits = h->ready = NULL;
	h->held = 0;
}

void
hub_close(struct hub *h)
{
	int64_t next;

	if (h == NULL)
		return;
	if (h->store != NULL) {
		hub_settle(h, &next);
		free_sessions(h);
		log_free(h);
	}
	store_close(h->store);
	free(h);
}

struct store *
hub_store(struct hub *h)
{
	return h->store;
}

void
hub_begin(struct hub *h, int64_t now_ms)
{
	h->now = now_ms;
}

int64_t
hub_now(const struct hub *h)
{
	return h->now;
}

unsigned
hub_held(const struct hub *h)
{
	return h->held;
}

int
hub_wake_fd(const struct hub *h)
{
	return store_wake_fd(h->store);
}

void
hub_wake(struct hub *h)
{
	store_empty_wake_fd(h->store);
	h->woken = true;
	h->door.knocked = true;
}

int
hub_transaction(struct hub *h)
{
	if (h->failed)
		return -1;
	if (store_in_transaction(h->store))
		return 0;
	if (store_begin(h->store) == -1 || log_catch_up(h) == -1) {
		h->failed = true;
		return -1;
	}
	h->woken = false;
	h->mark.head = h->head;
	h->mark.ring_end = h->ring.end;
	return 0;
}

void
hub_fail(struct hub *h)
{
	h->failed = true;
}

/* --- once a second --------------------------------------------------------------------------- */

struct keys {
	int64_t key[EXPIRE_MAX];
	int n;
};

static void
add_key(void *arg, int64_t key)
{
	struct keys *keys = arg;

	if (keys->n < EXPIRE_MAX)
		keys->key[keys->n++] = key;
}

static void
end_expired(struct hub *h, int64_t key)
{
	struct session *s;

	switch (hub_find_key(h, key, &s)) {
	case HUB_LIVE: /* it may have lived on since it was looked at */
		if (s->row.streaming && s->row.owner >= 0
			? slots_alive(store_slots(h->store), s->row.owner)
			: s->row.deadline > h->now)
			break;
		hub_end(h, s, s->row.streaming ? "socket end" : "close timeout", false);
		break;
	case HUB_ENDED:
	case HUB_UNKNOWN: /* by now: finding it has ended it */
	case HUB_FAILED:
		break;
	}
}

/* What it has not seen yet is gone from the log. */
static void
end_behind(struct hub *h, int64_t key, int64_t floor)
{
	struct session *s;

	if (hub_find_key(h, key, &s) == HUB_LIVE && !s->row.streaming && s->row.cursor < floor)
		hub_end(h, s, "queue overflow", false);
}

static void
keep_house(struct hub *h)
{
	static struct keys keys; /* of the one context of this process; too big for the stack */
	int64_t floor = 0;
	int more = 1;

	if (h->o.guest || !store_housekeeper(h->store))
		return;
	for (int i = 0; i < TRIM_ROUNDS && more == 1; i++) {
		more = store_tidy(h->store, h->now, (int64_t)h->o.log_bytes, &floor);
		keys.n = 0;
		if (floor > 0 && store_behind(h->store, floor, add_key, &keys) == 0)
			for (int k = 0; k < keys.n; k++)
				end_behind(h, keys.key[k], floor);
		if (floor > 0)
			log_warnx("store: the log has outgrown log_bytes; %d sessions had missed "
				  "messages and were ended",
			    keys.n);
		if (store_in_transaction(h->store))
			break; /* sessions were ended: commit that first */
	}
	keys.n = 0;
	if (hub_transaction(h) == 0 && store_expired(h->store, h->now, add_key, &keys) == 0)
		for (int k = 0; k < keys.n; k++)
			end_expired(h, keys.key[k]);
	chores_overdue(h);
	chores_asked(h);
	store_housekeeper_done(h->store);
}

/* Nothing that is in memory is true any more. */
static void
start_over(struct hub *h)
{
	struct session *s, *next;

	log_warnx("store: the database was replaced; all sessions here end");
	HASH_ITER (hh, h->sessions, s, next) {
		s->over = true;
		session_drop_sink(h, s, SINK_LOST);
	}
	free_sessions(h);
	log_free(h);
	h->door.version = -1;
	if (store_reopen(h->store) == -1 || store_head(h->store, &h->head) == -1)
		h->failed = true;
}

/* A process that holds nobody need not read what passes by. */
static void
skip_ahead(struct hub *h)
{
	log_free(h);
	if (store_head(h->store, &h->head) == 0)
		slots_set_head(store_slots(h->store), h->head);
}

static void
tick(struct hub *h)
{
	if (store_was_replaced(h->store))
		start_over(h);
	if (h->held == 0)
		skip_ahead(h);
	else
		h->woken = true; /* a look at the log, in case a wake-up got lost */
	keep_house(h);
	/* under the writer's lock and after a look at the log: others add bits for us when they
	 * have a session of ours join a room */
	if (!h->o.guest && h->now >= h->next_filter && hub_transaction(h) == 0) {
		channel_refresh_filter(h);
		h->next_filter = h->now + FILTER_PERIOD_MS;
	}
	h->next_tick = h->now + TICK_MS;
}

/* --- the end of a turn ----------------------------------------------------------------------- */

/* How many of the pending messages fit into one response. */
static uint32_t
response_size(const struct session *s)
{
	size_t bytes = 0;
	uint32_t n = 0;

	while (n < s->pending_n && n < POLL_PACKETS_MAX) {
		bytes += s->pending[n]->n;
		if (n > 0 && bytes > POLL_BYTES_MAX)
			break;
		if (payload_must_be_alone(message_text(s->pending[n])))
			return n == 0 ? 1 : n;
		n++;
	}
	return n;
}

/* DESIGN section 3, polling rule (2).  True: the response may be written after the commit. */
static bool
reserve(struct hub *h, struct session *s)
{
	uint32_t n = response_size(s);
	int64_t last = s->row.cursor, deadline = h->now + h->o.close_timeout_ms;
	int reserved = 1;

	for (uint32_t i = 0; i < n; i++)
		if (s->pending[i]->id > last)
			last = s->pending[i]->id;
	if (s->unsaved) {
		s->row.inflight = last;
		s->row.owner = -1;
		s->row.deadline = deadline;
		s->unsaved = false;
		if (store_session_save(h->store, &s->row) == -1)
			reserved = -1;
	} else {
		reserved = store_session_reserve(h->store, s->row.key, s->row.gen, last, deadline);
	}
	if (reserved == -1)
		h->failed = true;
	return reserved == 1;
}

/* Reserve for every poll that has something; those that may be answered are returned as a list. */
static struct session *
reserve_all(struct hub *h)
{
	struct session *answering = NULL, *s;

	if (h->ready == NULL || hub_transaction(h) == -1)
		return NULL;
	while ((s = h->ready) != NULL) {
		h->ready = s->next_ready;
		s->ready = false;
		if (!reserve(h, s)) {
			session_drop_sink(h, s, SINK_SUPERSEDED);
			continue;
		}
		s->next_ready = answering;
		answering = s;
	}
	return answering;
}

static void
save_all(struct hub *h)
{
	for (struct session *s = h->visits; s != NULL && !h->failed; s = s->next_visit) {
		if (!s->unsaved || s->over)
			continue;
		s->unsaved = false;
		if (store_session_save(h->store, &s->row) == -1)
			h->failed = true;
	}
}

static void
answer_all(struct hub *h, struct session *answering)
{
	while (answering != NULL) {
		struct session *s = answering;
		const struct sink_ops *ops = s->ops;
		void *sink = s->sink;
		struct message **messages = s->pending;
		uint32_t all = s->pending_n, n = response_size(s);

		answering = s->next_ready;
		s->pending = NULL;
		s->pending_n = s->pending_cap = 0;
		session_detach(h, s);
		ops->deliver(sink, messages, n, s->row.key, s->row.gen);
		for (uint32_t i = 0; i < all; i++)
			message_release(messages[i]);
		free(messages);
	}
}

static void
end_visits(struct hub *h)
{
	struct session *s;

	while ((s = h->visits) != NULL) {
		h->visits = s->next_visit;
		s->visiting = false;
		if (s->ops == NULL)
			session_free(h, s);
	}
}

static void
roll_back(struct hub *h)
{
	store_rollback(h->store);
	log_roll_back(h);
	/* what was opened or sent to in this turn is not as memory has it; end it there */
	for (struct session *s = h->visits; s != NULL; s = s->next_visit)
		session_drop_sink(h, s, SINK_FAILED);
	while (h->ready != NULL)
		session_drop_sink(h, h->ready, SINK_FAILED);
	end_visits(h);
	h->failed = false;
	h->woken = true;
}

static int
settle_once(struct hub *h)
{
	struct session *answering;

	if (h->woken && !store_in_transaction(h->store)) {
		h->woken = false;
		if (log_catch_up(h) == -1)
			h->failed = true;
	}
	answering = reserve_all(h);
	if (!h->failed)
		save_all(h);
	if (h->failed || store_commit(h->store) == -1) {
		for (; answering != NULL; answering = answering->next_ready)
			session_drop_sink(h, answering, SINK_FAILED);
		roll_back(h);
		return -1;
	}
	slots_set_head(store_slots(h->store), h->head);
	answer_all(h, answering);
	end_visits(h);
	return 0;
}

int
hub_settle(struct hub *h, int64_t *next_ms)
{
	int result = settle_once(h);
	int64_t look;

	if (h->now >= h->next_tick || (!h->o.guest && slots_asked(store_slots(h->store)))) {
		/* in a transaction of its own, which takes nothing back */
		tick(h);
		settle_once(h);
	}
	look = door_look(h, settle_once);
	slots_tell(store_slots(h->store),
	    &(struct slot_info){.held = h->held, .received = h->received, .sent = h->sent});
	*next_ms = look < h->next_tick ? look : h->next_tick;
	return result;
}
