/* hook: an application at the other end of a URL, instead of a module (docs/hook.md).
 *
 * What the hub tells goes into a durable queue (store/hook_queue.h) in the transaction of the turn.
 * One of all processes, the leader, takes it from there and POSTs it; the actions of a reply are
 * done in the transaction that deletes the events.  What is asked, and not only told (authorize),
 * every process asks itself.
 *
 * In a turn: hook_run() before the hub's commit, hook_settled() behind it. */
#ifndef POLLUX_HOOK_H
#define POLLUX_HOOK_H

#include "shared/app/app.h"
#include "shared/base/config.h"

struct hook;

/* `cfg` is borrowed, `app` (without handlers) too: it gets the namespaces.  NULL after logging why.
 */
struct hook *hook_open(const struct config *cfg, struct sio_app *app);
/* End what is under way, before the hub is closed. */
void hook_stop(struct hook *hook);
/* Behind the hub.  NULL is allowed. */
void hook_close(struct hook *hook);

struct hub_app hook_for_hub(struct hook *hook);
void hook_set_hub(struct hook *hook, struct hub *hub);

/* The descriptor to watch for reading. */
int hook_fd(const struct hook *hook);
/* It was readable, or it may have been: replies are dealt with.  Before the hub's settling. */
void hook_run(struct hook *hook);
/* Another process has woken this one: perhaps there are events. */
void hook_wake(struct hook *hook);
/* The turn is over; `committed`: and not rolled back.  Return when the next one is wanted at the
 * latest. */
int64_t hook_settled(struct hook *hook, bool committed);

/* Take no new events in hand; another process may. */
void hook_drain(struct hook *hook);
/* Is a request for events under way? */
bool hook_is_busy(const struct hook *hook);

/* --- handshakes ------------------------------------------------------------------------------ */

/* Must hook_ask() come before hub_create()? */
bool hook_authorizes(const struct hook *hook);

struct hook_question;

/* What came of it: 0, -EACCES, or another negative errno.  With 0 the callback may call
 * hub_create(), which gives the session what the hook said.  `transports`: those that the client
 * may use, p NULL: all. */
typedef void hook_verdict(void *arg, int verdict, struct slice transports);

/* Ask whether a session with this handshake (JSON, NUL-terminated, copied) and key may be made.
 * `done` is called once, later, from hook_run().  NULL: too many are being asked, or no memory. */
struct hook_question *hook_ask(
    struct hook *hook, const char *handshake, int64_t key, hook_verdict *done, void *arg);
/* Nobody wants to know any more. */
void hook_cancel(struct hook_question *question);

#endif
