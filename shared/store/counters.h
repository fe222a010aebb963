/* counters: how often something has happened, in all processes of a data folder together, in the
 * memory that they share (slots.h).
 *
 * What a process has counted stays when it ends: no counter goes back before the folder's table is
 * made anew, by a new version or by hand.  Each belongs to a family, which is a series of the
 * metrics and has the name of that series here. */
#ifndef POLLUX_COUNTERS_H
#define POLLUX_COUNTERS_H

#include <stdint.h>

#include "shared/wire/route.h"

struct slots;

/* The reasons of disconnects, in this order. */
#define COUNTERS_REASONS 13
/* Steps of a histogram, and one for what takes longer than all of them. */
#define COUNTERS_STEPS 13

/* Those of a family follow each other.  The ones marked + are the first of several. */
enum counter {
	COUNT_PACKETS_IN,                                       /* + enum transport_id */
	COUNT_PACKETS_OUT = COUNT_PACKETS_IN + TRANSPORT_COUNT, /* + the same */
	COUNT_BYTES_IN = COUNT_PACKETS_OUT + TRANSPORT_COUNT,   /* + the same */
	COUNT_BYTES_OUT = COUNT_BYTES_IN + TRANSPORT_COUNT,     /* + the same */
	COUNT_CONNECTED = COUNT_BYTES_OUT + TRANSPORT_COUNT,    /* + the same */
	COUNT_DISCONNECTED = COUNT_CONNECTED + TRANSPORT_COUNT, /* + a reason */
	COUNT_HANDSHAKES = COUNT_DISCONNECTED + COUNTERS_REASONS,

	/* what clients and programs were refused */
	COUNT_REFUSED_UNAUTHORIZED,
	COUNT_REFUSED_ERROR,
	COUNT_REFUSED_ORIGIN,
	COUNT_REFUSED_SESSIONS,
	COUNT_REFUSED_PER_ADDRESS,
	COUNT_REFUSED_CONNECTIONS,
	COUNT_REFUSED_PLACE,
	COUNT_REFUSED_BUSY,
	COUNT_REFUSED_STOPPING,
	COUNT_REFUSED_TOO_LARGE,
	COUNT_REFUSED_NAMESPACE,
	COUNT_REFUSED_QUOTA,
	COUNT_REFUSED_KEY,
	COUNT_REFUSED_RATE,

	/* requests to the web hook that failed */
	COUNT_HOOK_CONNECT,
	COUNT_HOOK_BROKEN,
	COUNT_HOOK_TIMEOUT,
	COUNT_HOOK_4XX,
	COUNT_HOOK_5XX,
	COUNT_HOOK_STATUS,
	COUNT_HOOK_BAD_REPLY,
	COUNT_HOOK_RESULT,

	/* what became of events for the web hook */
	COUNT_EVENTS_HANDLED,
	COUNT_EVENTS_DROPPED,
	COUNT_EVENTS_DEAD,

	/* how long its answers took: steps, then the sum in microseconds */
	COUNT_HOOK_EVENTS_TOOK, /* + a step */
	COUNT_HOOK_EVENTS_SUM = COUNT_HOOK_EVENTS_TOOK + COUNTERS_STEPS,
	COUNT_HOOK_AUTHORIZE_TOOK, /* + a step */
	COUNT_HOOK_AUTHORIZE_SUM = COUNT_HOOK_AUTHORIZE_TOOK + COUNTERS_STEPS,

	/* what became of events that clients sent to clients ([relay]) */
	COUNT_RELAYED,
	COUNT_RELAY_DROPPED,

	/* the writer's lock of the store, when it was not free */
	COUNT_LOCK_WAITS,
	COUNT_LOCK_WAITED_US,
	COUNT_COMMITS,
	COUNT_ROLLBACKS,
	COUNTERS
};

/* An atomic addition to memory that other processes seldom write. */
void counters_add(struct slots *sl, enum counter counter, uint64_t n);
static inline void
counters_count(struct slots *sl, enum counter counter)
{
	counters_add(sl, counter, 1);
}

/* Packets of one transport, not counted yet: a broadcast is many. */
struct counters_run {
	int transport;
	uint64_t packets, bytes;
};

/* Count them; `counter` is COUNT_PACKETS_IN or COUNT_PACKETS_OUT.  At the end of a turn. */
void counters_settle(struct slots *sl, enum counter counter, struct counters_run *run);

/* A packet of `bytes`. */
static inline void
counters_packet(
    struct slots *sl, enum counter counter, struct counters_run *run, int transport, uint64_t bytes)
{
	if (run->transport != transport) {
		counters_settle(sl, counter, run);
		run->transport = transport;
	}
	run->packets++;
	run->bytes += bytes;
}

/* The end of a session that was connected. */
void counters_disconnect(struct slots *sl, const char *reason);
/* Something took so long; `counter` is the first of the histogram's. */
void counters_took(struct slots *sl, enum counter counter, int64_t us);

/* All of them at one time. */
struct counters {
	uint64_t n[COUNTERS];
};
void counters_read(const struct slots *sl, struct counters *all);
/* The sum of a family's: "refusals_total"; 0 if there is none of this name. */
uint64_t counters_sum(const struct counters *all, const char *family);
/* All requests that a histogram has, in the family of this name. */
uint64_t counters_sum_took(const struct counters *all, const char *histogram);

/* --- their names ---------------------------------------------------------------------------- */

struct counter_family {
	const char *name; /* of the series, without pollux_ */
	const char *help; /* a sentence */
	enum counter first;
	int n;
	bool is_time;              /* counted in microseconds, shown in seconds */
	const char *const *labels; /* of each: reason="booted"; NULL: there is no such one, or if
	                            * the array itself is NULL, it has none */
};

/* `n` of them. */
const struct counter_family *counters_families(int *n);

struct counter_histogram {
	const char *name, *help;
	int n;
	struct counter_histogram_part {
		const char *label; /* kind="events" */
		enum counter first;
	} parts[2];
};

const struct counter_histogram *counters_histograms(int *n);
/* Where step `i` ends, as it is written: "0.005"; "+Inf" for the last. */
const char *counters_step(int i);

#endif
