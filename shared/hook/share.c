#include "shared/hook/share.h"

#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/hook/internal.h"
#include "shared/store/slots.h"
#include "shared/wire/sid.h"

#define LITTLE_EVENTS 8    /* that a session may have waiting however full the queue is */
#define LITTLE_BYTES  8192 /* the same */
#define LATE_MS       2000 /* that a POST of a slowed client is answered late, at most */
#define CHECK_MS      50   /* between two counts of those that are slowed */

struct share {
	int64_t key;
	int64_t events, bytes; /* waiting; meaningful if `counted` */
	bool counted;          /* in this turn */
	bool was_past;         /* when it was counted, it had its share or more */
	int64_t until;         /* slowed until then at the latest, ms; 0: it is not */
	bool is_stream;        /* slowed by not reading its websocket */
	UT_hash_handle hh;
};

struct share_limits {
	int64_t events, bytes;               /* of one session now */
	int64_t full_events, full_bytes;     /* that it may have when the queue is full */
	int64_t little_events, little_bytes; /* that it has in any case */
	bool full, hard_full;                /* the queue; twice as much as it may hold */
};

/* --- limits --------------------------------------------------------------------------------- */

int64_t
share_of(int64_t limit, int64_t most, int64_t little, int64_t used)
{
	/* the more sessions have their share, the smaller it is for all: so, however many flood,
	 * something is left for the next */
	int64_t fair = (limit - used) / 8;

	if (fair > most)
		fair = most;
	return fair < little ? little : fair;
}

/* Not more than its share, or half of a small queue. */
static int64_t
little_of(int64_t limit, int64_t most, int64_t little)
{
	if (little > limit / 2)
		little = limit / 2 < 1 ? 1 : limit / 2;
	return little < most ? little : most;
}

/* What a session may have when the queue is full: less than those have that have filled it. */
static int64_t
full_share_of(int64_t limit, int64_t most, int64_t little)
{
	int64_t part = (most < limit / 2 ? most : limit / 2) / 8;

	return part < little ? little : part;
}

static struct share_limits
find_limits(const struct hook *hook)
{
	const struct config *cfg = hook->cfg;
	const struct slots *slots = store_slots(hub_store(hook->base.hub));
	int64_t events = slots_hook_events(slots), bytes = slots_hook_bytes(slots);
	int64_t events_max = (int64_t)cfg->hook_queue_events;
	int64_t bytes_max = (int64_t)cfg->hook_queue_bytes;
	int64_t little_events =
	    little_of(events_max, (int64_t)cfg->hook_session_events, LITTLE_EVENTS);
	int64_t little_bytes = little_of(bytes_max, (int64_t)cfg->hook_session_bytes, LITTLE_BYTES);

	return (struct share_limits){
	    .events =
		share_of(events_max, (int64_t)cfg->hook_session_events, little_events, events),
	    .bytes = share_of(bytes_max, (int64_t)cfg->hook_session_bytes, little_bytes, bytes),
	    .full_events =
		full_share_of(events_max, (int64_t)cfg->hook_session_events, little_events),
	    .full_bytes = full_share_of(bytes_max, (int64_t)cfg->hook_session_bytes, little_bytes),
	    .little_events = little_events,
	    .little_bytes = little_bytes,
	    .full = events >= events_max || bytes >= bytes_max,
	    .hard_full = events >= 2 * events_max || bytes >= 2 * bytes_max,
	};
}

bool
share_queue_is_full(const struct hook *hook)
{
	return find_limits(hook).full;
}

bool
share_queue_is_closed(const struct hook *hook)
{
	return find_limits(hook).hard_full;
}

static bool
has(const struct share *share, int64_t events, int64_t bytes)
{
	return share->events >= events || share->bytes >= bytes;
}

/* --- the table ------------------------------------------------------------------------------ */

static struct share *
find_share(const struct hook_shares *shares, int64_t key)
{
	struct share *share;

	HASH_FIND(hh, shares->by_key, &key, sizeof(key), share);
	return share;
}

void
share_close(struct hook_shares *shares)
{
	struct share *share, *next;

	HASH_ITER (hh, shares->by_key, share, next) {
		HASH_DEL(shares->by_key, share);
		free(share);
	}
}

/* It is freed when the turn ends: until then the table may be walked. */
static void
end_slowing(struct hook_shares *shares, struct share *share)
{
	if (share->until == 0)
		return;
	share->until = 0;
	shares->slowed_n--;
}

void
share_forget(struct hook *hook, int64_t key)
{
	struct share *share = find_share(&hook->shares, key);

	if (share != NULL)
		end_slowing(&hook->shares, share);
}

/* Count what the session has waiting.  0, or -1: the store failed. */
static int
count_rows(struct hook *hook, struct share *share)
{
	share->counted = hook_queue_count(hub_store(hook->base.hub), share->key, &share->events,
			     &share->bytes) == 0;
	return share->counted ? 0 : -1;
}

/* The share of a session, counted in this turn.  NULL: the store failed, or no memory. */
static struct share *
open_share(struct hook *hook, int64_t key, const struct share_limits *limits)
{
	struct share *share = find_share(&hook->shares, key);

	if (share == NULL) {
		share = calloc(1, sizeof(*share));
		if (share == NULL)
			return NULL;
		share->key = key;
		HASH_ADD(hh, hook->shares.by_key, key, sizeof(share->key), share);
	}
	if (!share->counted) {
		if (count_rows(hook, share) == -1)
			return NULL;
		share->was_past = has(share, limits->events, limits->bytes);
	}
	return share;
}

/* --- slowing and ending --------------------------------------------------------------------- */

static void
slow_client(struct hook *hook, struct session *s, struct share *share)
{
	int64_t now = hub_now(hook->base.hub);
	char id[SID_PUBLIC_LENGTH + 1];

	if (share->until != 0)
		return;
	sid_public_write(id, share->key);
	share->is_stream = session_pause(s, true);
	/* a websocket that is not read is ended when nothing moves; a POST is answered */
	share->until = now + (share->is_stream ? hook->cfg->close_timeout_ms : LATE_MS);
	hook->shares.slowed_n++;
	log_limited(LOG_LEVEL_WARN,
	    "hook %s: %lld events (%lld bytes) of session %s wait: its client is slowed",
	    hook_http_name(hook->http), (long long)share->events, (long long)share->bytes, id);
}

static void
release_client(struct hook *hook, struct share *share)
{
	struct session *s = session_stream_here(hook->base.hub, share->key);

	if (s != NULL)
		session_pause(s, false);
	end_slowing(&hook->shares, share);
}

static void
warn_of_end(struct hook *hook, const struct share *share, const char *why)
{
	char id[SID_PUBLIC_LENGTH + 1];

	sid_public_write(id, share->key);
	log_limited(LOG_LEVEL_WARN,
	    "hook %s: %lld events (%lld bytes) of session %s wait, more than its share, and %s: "
	    "it is ended",
	    hook_http_name(hook->http), (long long)share->events, (long long)share->bytes, id, why);
}

bool
share_allows(struct hook *hook, struct session *s)
{
	struct share_limits limits = find_limits(hook);
	struct share *share = open_share(hook, session_key(s), &limits);
	int64_t most_events = 2 * (int64_t)hook->cfg->hook_session_events;
	int64_t most_bytes = 2 * (int64_t)hook->cfg->hook_session_bytes;

	if (share == NULL) {
		transaction_fail(hook->base.hub);
		return true;
	}
	/* what a client sends in one go is taken, as long as it had room when it began; and a full
	 * queue hits those that have filled it */
	if ((share->was_past && has(share, most_events, most_bytes)) ||
	    (limits.full && has(share, limits.full_events, limits.full_bytes)) ||
	    (limits.hard_full && has(share, limits.little_events, limits.little_bytes))) {
		warn_of_end(hook, share, limits.full ? "the queue is full" : "it goes on sending");
		return false;
	}
	return true;
}

void
share_add(struct hook *hook, struct session *s, size_t bytes)
{
	struct share_limits limits = find_limits(hook);
	struct share *share = open_share(hook, session_key(s), &limits);

	if (share == NULL) {
		transaction_fail(hook->base.hub);
		return;
	}
	share->events++;
	share->bytes += (int64_t)bytes;
	if (has(share, limits.events, limits.bytes))
		slow_client(hook, s, share);
}

bool
share_is_slowed(const struct hook *hook, int64_t key)
{
	const struct share *share = find_share(&hook->shares, key);

	return share != NULL && share->until != 0;
}

/* --- the turn ------------------------------------------------------------------------------- */

/* Its time is up. */
static void
expire_share(struct hook *hook, struct share *share)
{
	struct session *s;

	if (!share->is_stream) {
		release_client(hook, share);
		return;
	}
	if (session_find_key(hook->base.hub, share->key, &s) == SESSION_LIVE) {
		warn_of_end(hook, share, "it was slowed for too long");
		session_end(hook->base.hub, s, "queue overflow", false);
	}
	end_slowing(&hook->shares, share);
}

void
share_run(struct hook *hook)
{
	struct hook_shares *shares = &hook->shares;
	int64_t now = hub_now(hook->base.hub);
	struct share_limits limits;
	struct share *share, *next;

	if (shares->slowed_n == 0 || now < shares->check_at)
		return;
	shares->woken = false;
	shares->check_at = now + CHECK_MS;
	limits = find_limits(hook);
	HASH_ITER (hh, shares->by_key, share, next) {
		/* those that were slowed in this turn have just been counted */
		if (share->until == 0 || share->counted || count_rows(hook, share) == -1)
			continue;
		share->counted = false;
		if (!has(share, limits.events / 2 + 1, limits.bytes / 2 + 1))
			release_client(hook, share);
		else if (share->until <= now)
			expire_share(hook, share);
	}
}

int64_t
share_settled(struct hook *hook)
{
	struct hook_shares *shares = &hook->shares;
	int64_t due = INT64_MAX;
	struct share *share, *next;

	HASH_ITER (hh, shares->by_key, share, next) {
		share->counted = false;
		if (share->until == 0) {
			HASH_DEL(shares->by_key, share);
			free(share);
		} else if (share->until < due) {
			due = share->until;
		}
	}
	/* so that who deletes rows knows whom to wake */
	slots_set_slowed(store_slots(hub_store(hook->base.hub)), shares->slowed_n);
	if (shares->slowed_n > 0 && shares->woken)
		due = shares->check_at;
	else if (due < shares->check_at)
		due = shares->check_at;
	return due;
}
