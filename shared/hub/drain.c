#include "shared/hub/drain.h"

#include <stdlib.h>
#include <sys/random.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/hub/publish.h"
#include "shared/store/drain_state.h"
#include "shared/store/maintenance.h"
#include "shared/store/slots.h"
#include "shared/wire/json.h"

#define BATCHES   10   /* a second, or fewer with one session each */
#define BATCH_MAX 1000 /* DRAIN_RATE_MAX / BATCHES */
#define IDLE_MS   1000 /* nobody is left; but a session may still be moved here */
#define AGAIN_MS  20   /* another process does it, or the store is locked */

/* How long a client that comes meanwhile stays connected; and of how many that is remembered. */
#define NEWCOMER_MS   2000
#define NEWCOMERS_MAX 10000

/* As the application knows it from a program that stops. */
#define REASON "server shutdown"

struct drain_newcomer {
	int64_t key, due;
	STAILQ_ENTRY(drain_newcomer) next;
};

struct drain_batch {
	int64_t key[BATCH_MAX];
	int n;
};

/* --- the command line ----------------------------------------------------------------------- */

int
drain_start(struct hub *h, unsigned rate)
{
	return drain_state_set(h->store, rate);
}

int
drain_stop(struct hub *h)
{
	return drain_state_set(h->store, 0);
}

int
drain_tell(struct hub *h, struct slice event)
{
	struct slice none = {NULL, 0};
	struct buf packet = {.p = NULL};
	int result = -1;

	buf_puts(&packet, "5:::{\"name\":");
	json_write_string(&packet, event);
	buf_puts(&packet, ",\"args\":[]}");
	if (packet.failed)
		transaction_fail(h);
	else
		result = hub_publish_here(
		    h, message_log_channel(SLICE(""), none), NULL, 0, buf_slice(&packet), false);
	buf_free(&packet);
	return result;
}

int64_t
drain_left(struct hub *h)
{
	return drain_state_left(h->store);
}

static void
add_to_batch(void *arg, int64_t key)
{
	struct drain_batch *batch = arg;

	if (batch->n < BATCH_MAX)
		batch->key[batch->n++] = key;
}

/* --- who comes meanwhile -------------------------------------------------------------------- */

int
drain_begin_away(struct hub *h, struct session *s)
{
	log_limited(LOG_LEVEL_INFO,
	    "pollux drain: a new client is told to come back; it will find another machine, or "
	    "this one when it is in service again");
	s->row.state = STORE_OPEN;
	if (hub_publish_session(h, s, SLICE("1::"), false) == -1)
		return -1;
	drain_move_soon(h, s);
	return 0;
}

bool
drain_is_away(const struct session *s)
{
	/* all others are in the default namespace */
	return s->row.state == STORE_OPEN && s->subs_n == 0 && !s->over;
}

void
drain_move_soon(struct hub *h, struct session *s)
{
	struct drain_newcomer *n = h->newcomers_n == NEWCOMERS_MAX ? NULL : malloc(sizeof(*n));

	if (n == NULL) {
		session_move(h, s, REASON);
		return;
	}
	n->key = s->row.key;
	n->due = h->now + NEWCOMER_MS;
	/* each waits for the same time: they are in order */
	STAILQ_INSERT_TAIL(&h->newcomers, n, next);
	h->newcomers_n++;
}

static void
pop_newcomer(struct hub *h)
{
	struct drain_newcomer *n = STAILQ_FIRST(&h->newcomers);

	STAILQ_REMOVE_HEAD(&h->newcomers, next);
	h->newcomers_n--;
	free(n);
}

void
drain_forget(struct hub *h)
{
	while (!STAILQ_EMPTY(&h->newcomers))
		pop_newcomer(h);
}

static bool
is_newcomer_due(const struct hub *h)
{
	const struct drain_newcomer *n = STAILQ_FIRST(&h->newcomers);

	return n != NULL && n->due <= h->now;
}

static void
move_newcomers(struct hub *h)
{
	struct session *s;

	if (!is_newcomer_due(h) || transaction_open_now(h) == -1)
		return;
	for (; is_newcomer_due(h) && !h->failed; pop_newcomer(h))
		if (session_find_key(h, STAILQ_FIRST(&h->newcomers)->key, &s) == SESSION_LIVE &&
		    drain_is_away(s))
			session_move(h, s, REASON);
}

/* --- who is there --------------------------------------------------------------------------- */

bool
drain_is_on(const struct hub *h)
{
	return slots_drain(store_slots(h->store)) != 0;
}

/* When the next are due, whoever ends them. */
static int64_t
due_batch(const struct hub *h)
{
	int64_t due = slots_drain_due(store_slots(h->store));

	return due > h->now + 2 * IDLE_MS /* of an earlier boot */ ? h->now : due;
}

/* And the log does not have it. */
static bool
has_been_cancelled(const struct hub *h)
{
	const struct slots *sl = store_slots(h->store);

	return slots_drain(sl) == 0 && slots_drain_said(sl) != DRAIN_SAID_NOTHING;
}

int64_t
drain_next(const struct hub *h)
{
	const struct drain_newcomer *n = STAILQ_FIRST(&h->newcomers);
	int64_t due = INT64_MAX;

	if (store_is_outdated(h->store))
		return INT64_MAX;
	if (!h->o.no_app && has_been_cancelled(h))
		due = h->now;
	else if (!h->o.no_app && drain_is_on(h))
		due = due_batch(h) + (h->o.maintains_last ? IDLE_MS : 0);
	if (n != NULL && n->due < due)
		due = n->due;
	return due > h->next_drain ? due : h->next_drain;
}

bool
drain_is_due(const struct hub *h)
{
	return h->now >= drain_next(h);
}

/* How long until the next batch of this size, with jitter: of their clients, which come back half a
 * second later, no two batches come together. */
static int64_t
pause_after(unsigned batch, unsigned rate)
{
	int64_t mean = 1000 * (int64_t)batch / rate;
	uint16_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		random = 0x8000;
	return mean / 2 + mean * random / UINT16_MAX;
}

static void
tell_cancelled(struct hub *h)
{
	struct slots *sl = store_slots(h->store);

	if (slots_drain_say(sl, DRAIN_SAID_BEGUN, DRAIN_SAID_NOTHING) ||
	    slots_drain_say(sl, DRAIN_SAID_EMPTY, DRAIN_SAID_NOTHING))
		log_info("pollux drain: this machine is in service again");
}

static void
end_batch(struct hub *h, unsigned rate)
{
	struct slots *sl = store_slots(h->store);
	unsigned size = rate < BATCHES ? 1 : rate / BATCHES;
	struct drain_batch batch = {.n = 0};
	struct session *s;

	if (transaction_open_now(h) == -1)
		return;
	if (drain_state_list(h->store, (int)size, add_to_batch, &batch) == -1) {
		h->failed = true;
		return;
	}
	for (int i = 0; i < batch.n; i++)
		if (session_find_key(h, batch.key[i], &s) == SESSION_LIVE)
			session_move(h, s, REASON);
	if (h->failed) /* they are there again */
		return;
	if (batch.n == 0 && slots_drain_say(sl, DRAIN_SAID_BEGUN, DRAIN_SAID_EMPTY))
		log_info("pollux drain: no session is left; this machine is out of service until "
			 "pollux drain --cancel");
	slots_add_drained(sl, (unsigned)batch.n);
	slots_set_drain_due(sl, h->now + (batch.n == 0 ? IDLE_MS : pause_after(size, rate)));
}

void
drain_run(struct hub *h)
{
	unsigned rate;

	h->next_drain = h->now + AGAIN_MS;
	move_newcomers(h);
	if (has_been_cancelled(h))
		tell_cancelled(h);
	if (!drain_is_on(h) || due_batch(h) > h->now || !maintenance_lead(h->store))
		return;
	/* looked at once more, now that nobody else does it; it may have been cancelled */
	rate = slots_drain(store_slots(h->store));
	if (rate != 0 && due_batch(h) <= h->now) {
		if (slots_drain_say(store_slots(h->store), DRAIN_SAID_NOTHING, DRAIN_SAID_BEGUN))
			log_info("pollux drain: this machine is taken out of service: up to %u "
				 "sessions end in a second",
			    rate);
		end_batch(h, rate);
	}
	maintenance_resign(h->store);
}
