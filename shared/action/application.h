/* application: what the rest of the server knows of the user's application, which is a C module
 * (shared/app), a web hook (shared/hook), or absent.  Each kind begins with a struct application
 * and fills one table of functions, so that no caller asks which kind it has.
 *
 * In a turn: application_run() before the hub commits, application_settled() after it. */
#ifndef POLLUX_APPLICATION_H
#define POLLUX_APPLICATION_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/hub/hub.h"

struct application;
struct event_relay;
struct ns;
struct ruling;

/* A handshake that waits for a verdict.  The struct of the application's kind begins with it. */
struct application_question {
	struct application *application;
};

/* The verdict on a handshake: 0, -EACCES, or another negative errno.  With 0 the callback may call
 * session_create(), which gives the session what the application granted.  `transports`: names with
 * commas between them, borrowed during the call; p NULL: all. */
typedef void application_verdict(void *arg, int verdict, struct slice transports);

/* close() is set in every table; others that are NULL do nothing.  What each one is for: see the
 * application_*() below.  A table with asks() has ask() and cancel(), too.  ruled() is given a
 * verdict on the question of this id: 0, or -EPIPE: there is none. */
struct application_ops {
	struct hub_app hub; /* `arg` and `find` are filled in by application_for_hub() */
	/* Make a namespace that is missing; NULL: namespace_open() does */
	struct ns *(*add_ns)(struct application *app, struct slice name);
	void (*close)(struct application *app);
	void (*stop)(struct application *app);
	void (*drain)(struct application *app);
	void (*reload)(struct application *app);
	int (*fd)(const struct application *app);
	void (*wake)(struct application *app);
	void (*run)(struct application *app);
	int64_t (*settled)(struct application *app, bool committed);
	bool (*is_busy)(const struct application *app);
	bool (*slows)(const struct application *app, int64_t key);
	bool (*authorizes)(const struct application *app);
	bool (*asks)(const struct application *app);
	struct application_question *(*ask)(struct application *app, const char *handshake,
	    int64_t key, application_verdict *done, void *arg);
	void (*cancel)(struct application_question *question);
	int (*ruled)(struct application *app, int64_t id, const struct ruling *r);
};

struct application {
	const struct application_ops *ops;
	struct hub *hub;         /* NULL while the application sets itself up */
	struct ns *namespaces;   /* uthash: see namespace.h */
	struct hub_ns *reserved; /* application_reserve(); NULL: none */
	void (*on_reserved)(void *arg);
	void *reserved_arg;
	bool any_namespace;         /* every name is a namespace */
	struct session *current;    /* whose handler runs; NULL: none */
	int64_t verdict_timeout_ms; /* [app] authorize_timeout */
	unsigned warned;         /* reserved event names that were logged, a bit each (target.c) */
	struct buf packet, data; /* scratch of target.c */
	struct event_relay *relay; /* NULL: no event is relayed */
};

/* Prepare the part that all kinds share, which is zeroed. */
void application_init(struct application *app, const struct application_ops *ops);
/* Free that part.  Namespaces that are still there must be plain ones (namespace_open). */
void application_free(struct application *app);

/* A process that runs no application (the command line): there are no handlers, and every namespace
 * exists, since it cannot know which ones the real application has.  NULL: no memory. */
struct application *application_open_none(void);

/* NULL is allowed.  Close the hub first. */
void application_close(struct application *app);

/* A namespace of the server's own, borrowed: the hub finds it, no client may join it, and the
 * application hears nothing of the sessions that are in it.  `connected` is called when the first
 * transport of one opens here.  Before application_for_hub(). */
void application_reserve(
    struct application *app, struct hub_ns *ns, void (*connected)(void *arg), void *arg);

/* What the hub asks of it. */
struct hub_app application_for_hub(struct application *app);

/* The hub that its calls go to; once, before any session. */
void application_set_hub(struct application *app, struct hub *hub);

/* A write to the store failed, and with it the turn.  Return -EIO. */
int application_fail(struct application *app);

/* --- the turn ------------------------------------------------------------------------------- */

/* The descriptor to watch for reading; -1: none. */
int application_fd(const struct application *app);
/* The descriptor is readable, or may be: handle what has arrived, before the hub commits. */
void application_run(struct application *app);
/* Another process woke this one: there may be events. */
void application_wake(struct application *app);
/* The turn is over; `committed`: it was not rolled back.  Return when the next one is wanted at the
 * latest, in ms; INT64_MAX: never. */
int64_t application_settled(struct application *app, bool committed);

/* Take no new work; another process may. */
void application_drain(struct application *app);
/* Is a request under way whose reply would be lost with this process? */
bool application_is_busy(const struct application *app);
/* Has the client of this session sent more than the application can take, so that it must be
 * slowed?  A websocket is paused by the hub (sink_ops), a POST asks here before it is answered. */
bool application_slows(const struct application *app, int64_t key);
/* Its settings may have changed, which passed the check of server_check_reload(). */
void application_reload(struct application *app);
/* End what is under way, before the hub is closed. */
void application_stop(struct application *app);

/* --- handshakes ----------------------------------------------------------------------------- */

/* Does it decide about handshakes?  If not it accepts them all. */
bool application_authorizes(const struct application *app);

/* Must application_ask() come before session_create()? */
bool application_asks(const struct application *app);

/* Ask whether a session with this handshake (JSON, NUL-terminated, copied) and key may be made.
 * `done` is called once, later, from application_run().  NULL: too many questions wait, or no
 * memory.  Only where application_asks(), or right after session_create() said SESSION_ASKED. */
struct application_question *application_ask(struct application *app, const char *handshake,
    int64_t key, application_verdict *done, void *arg);
/* `done` will not be called. */
void application_cancel(struct application_question *question);

#endif
