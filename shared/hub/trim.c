/* trim: keeps the log within log_bytes.
 *
 * What nobody needs goes first.  When that is not enough, the oldest rows go although somebody has
 * not collected them, and a session that one of them was for ends: a gap must not go unnoticed.
 * Every other session lives on, however old its cursor is. */
#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/store/maintenance.h"
#include "shared/store/message_log.h"

#define TRIM_ROUNDS   20   /* of 1,000 rows */
#define DROP_ROUNDS   10   /* of 10,000 rows */
#define LAGGING_MAX   1000 /* sessions in one round ... */
#define LAGGING_TIMES 100  /* ... of so many; the rest waits for the next second */

struct lagging_keys {
	int64_t key[LAGGING_MAX];
	int n;
};

static void
add_lagging_key(void *arg, int64_t key)
{
	struct lagging_keys *keys = arg;

	keys->key[keys->n++] = key;
}

/* End the sessions that rows up to `last` are for, and count them.  Return whether none is left. */
static bool
end_lagging(struct hub *h, int64_t last, unsigned *ended)
{
	struct lagging_keys keys;
	struct session *s;

	for (int times = 0; times < LAGGING_TIMES; times++) {
		keys.n = 0;
		if (maintenance_list_lagging(h->store, last, LAGGING_MAX, add_lagging_key, &keys) ==
		    -1)
			h->failed = true;
		if (h->failed || keys.n == 0)
			break;
		for (int i = 0; i < keys.n; i++)
			if (session_find_key(h, keys.key[i], &s) == SESSION_LIVE) {
				session_end(h, s, "queue overflow", false);
				(*ended)++;
			}
	}
	return !h->failed && keys.n == 0;
}

static void
drop_overflow(struct hub *h)
{
	unsigned ended = 0;
	int64_t last;

	/* in one transaction: no poll may come between the end of a session and its rows */
	if (transaction_open_now(h) == -1)
		return;
	for (int i = 0; i < DROP_ROUNDS && !h->failed; i++) {
		last = maintenance_overflow(h->store, (int64_t)h->o.log_bytes);
		if (last == -1)
			h->failed = true;
		if (last <= 0 || !end_lagging(h, last, &ended))
			break;
		if (maintenance_drop(h->store, last) == -1)
			h->failed = true;
	}
	if (!h->failed)
		log_counted(LOG_LEVEL_WARN, ended, "sessions ended for it",
		    "store: waiting messages take more than [store] log_bytes, the oldest were "
		    "dropped");
}

bool
trim_log(struct hub *h)
{
	struct message_span span;
	enum store_result trimmed = STORE_MORE;

	for (int i = 0; i < TRIM_ROUNDS && trimmed == STORE_MORE; i++)
		trimmed = maintenance_trim(h->store, h->now);
	if (message_log_span(h->store, &span) == 0 && span.bytes > (int64_t)h->o.log_bytes)
		drop_overflow(h);
	return trimmed == STORE_MORE;
}

/* A poll that is held has nothing to collect, or it would have been answered, or is about to. */
static bool
can_advance(const struct session *s, int64_t before)
{
	return s->ops != NULL && !s->row.streaming && !s->over && !s->unsaved &&
	       s->pending_n == 0 && s->row.cursor < before;
}

void
trim_advance_polls(struct hub *h)
{
	struct message_span span;
	struct session *s, *next;
	int64_t middle;

	/* a cursor is written once in half a log, and only when there is much of it */
	if (h->held == 0 || message_log_span(h->store, &span) == -1 ||
	    span.bytes < (int64_t)h->o.log_bytes / 2)
		return;
	middle = span.oldest + (span.newest - span.oldest) / 2;
	HASH_ITER (hh, h->sessions, s, next) {
		/* catches up: what is pending then is not passed over */
		if (!can_advance(s, middle) || transaction_open_now(h) == -1 ||
		    !can_advance(s, middle))
			continue;
		/* not to h->head: a rollback takes back the rows of this turn, but not this */
		if (session_row_advance(h->store, s->row.key, s->row.gen, h->mark.head) == -1) {
			h->failed = true;
			return;
		}
		s->row.cursor = h->mark.head;
	}
}
