/* places: which sessions have a poll or a stream held, in the memory that all processes of a data
 * folder share (slots.h), so that together they hold no more than the web server can bear.
 *
 *	take -> held -- leave ----> kept for PLACES_KEPT_MS -- nothing ----> free
 *	             -- for good -> free                    -- take again -> held
 *	reserve -> kept for PLACES_RESERVED_MS
 *
 * A place is a session's, not a request's: a newer request of the session takes it over, and the
 * older one leaves nothing.  The place of a process that has died is found when all are taken. */
#ifndef POLLUX_PLACES_H
#define POLLUX_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slots;

#define PLACES_MAX     1000 /* the largest limit */
#define PLACES_KEPT_MS 3000 /* a client that is going to poll again is faster */
/* From the handshake to the first poll: a page may have to be loaded first, and mod_fcgid to start
 * a process, which it does once a second when it has started ten. */
#define PLACES_RESERVED_MS 15000

/* Each is counted by itself: they occupy processes of the web server, or its workers. */
enum places_pool {
	PLACES_FCGI, /* held by pollux.fcgi */
	PLACES_WSD,  /* held by pollux-wsd */
	PLACES_POOLS
};

/* Take the place of the session `key`, or if it has none a free one, when less than `limit` are
 * taken.  `limit` is from 1 to PLACES_MAX; others may have another one.  Under the writer's lock.
 * Return the ticket for places_leave(), never 0; or 0: all are taken. */
uint64_t places_take(
    struct slots *sl, enum places_pool pool, int64_t key, size_t limit, int64_t now_ms);

/* The same for the first request of a session, which is about to come.  Return whether there was a
 * place. */
bool places_reserve(
    struct slots *sl, enum places_pool pool, int64_t key, size_t limit, int64_t now_ms);

/* The request has ended for which this ticket was given.  The session keeps its place for
 * PLACES_KEPT_MS, unless `for_good`: it has ended, too.  Does nothing if a newer request has the
 * place, or for a ticket of 0.  Needs no lock. */
void places_leave(
    struct slots *sl, enum places_pool pool, uint64_t ticket, bool for_good, int64_t now_ms);

/* Whether `limit` places are taken, as far as can be seen without asking which processes live. */
bool places_are_taken(const struct slots *sl, enum places_pool pool, size_t limit, int64_t now_ms);

/* How long ago the first request of a session took its place, ms; INT64_MAX: it has none. */
int64_t places_age(const struct slots *sl, enum places_pool pool, int64_t key, int64_t now_ms);

/* A process takes this slot: whatever place another one has held in it is not held any more. */
void places_forget_slot(struct slots *sl, int slot, int64_t now_ms);

/* For pollux stats and the metrics. */
struct places_figures {
	size_t limit;     /* of the process that has set it last; 0: none */
	size_t taken;     /* held, or kept between two polls */
	uint64_t refused; /* requests that found no place, since the table was made */
};
void places_set_limit(struct slots *sl, enum places_pool pool, size_t limit);
void places_figures(
    const struct slots *sl, enum places_pool pool, int64_t now_ms, struct places_figures *figures);
/* "fcgi", "wsd" */
const char *places_pool_name(enum places_pool pool);

/* Count a request that found no place.  Return how many there were since this last returned any, or
 * 0 if that was less than a minute ago: all processes together log once a minute. */
uint64_t places_count_refused(struct slots *sl, enum places_pool pool, int64_t now_ms);

/* How long ago the last request found no place, ms; INT64_MAX: never in this boot. */
int64_t places_last_refused(const struct slots *sl, enum places_pool pool, int64_t now_ms);

#endif
