/* breaker: stops requests to a hook that cannot be reached (docs/hook.md, section 5).  Pure.
 *
 * Only the connection counts: refused, reset, no name, no TLS, no HTTP.  A hook that answers,
 * whatever it answers, can be reached, and one event that it cannot handle must not stop the
 * others. */
#ifndef POLLUX_HOOK_BREAKER_H
#define POLLUX_HOOK_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BREAKER_FAILURES 5    /* in a row open it ... */
#define BREAKER_MS       5000 /* ... for this long, until one request probes the hook */

enum breaker_state {
	BREAKER_CLOSED,
	BREAKER_OPEN,    /* nothing is sent until `probe_at` */
	BREAKER_PROBING, /* one request is in flight */
};

/* Zeroed: closed. */
struct breaker {
	enum breaker_state state;
	unsigned failures; /* in a row */
	int64_t probe_at;
};

/* May a request be sent now, with so many in flight? */
bool breaker_allows(const struct breaker *b, size_t inflight, int64_t now);
/* A request is sent. */
void breaker_sent(struct breaker *b);
/* The requests in flight are cancelled, a probe too. */
void breaker_cancelled(struct breaker *b);

/* The hook could not be reached.  True: that has opened the breaker. */
bool breaker_failed(struct breaker *b, int64_t now);
/* It was reached.  True: that has closed the breaker. */
bool breaker_reached(struct breaker *b);

#endif
