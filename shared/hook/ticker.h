/* ticker: the event "tick" ([hook] tick), which is of no session (docs/hook.md, section 4).
 *
 * It has no row in the queue: one that is lost is not made up for.  One is on its way at a time:
 * the next is left out until it is answered.  What goes wrong with it costs no other event
 * anything. */
#ifndef POLLUX_HOOK_TICKER_H
#define POLLUX_HOOK_TICKER_H

#include <stdbool.h>
#include <stdint.h>

struct hook;
struct ticker;

/* NULL: no memory. */
struct ticker *ticker_open(struct hook *hook);
/* NULL is allowed. */
void ticker_close(struct ticker *t);

/* hub_app.tick */
bool ticker_run(struct ticker *t, int64_t *next_ms);
/* Is one on its way? */
bool ticker_is_busy(const struct ticker *t);
/* The hook has another URL. */
void ticker_elsewhere(struct ticker *t);
/* Cancel what is on its way. */
void ticker_stop(struct ticker *t);

#endif
