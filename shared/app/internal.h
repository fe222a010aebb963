/* internal: what the files of the application layer share.  Only shared/app/ includes it. */
#ifndef POLLUX_APP_INTERNAL_H
#define POLLUX_APP_INTERNAL_H

#include <uthash.h>

#include "shared/app/app.h"
#include "shared/base/buf.h"

#define APP_NAME_MAX 255 /* bytes of the name of a namespace, room, key, user or handler */

/* A handler under its name. */
struct handler {
	char *name; /* owned */
	size_t name_n;
	sio_handler *fn;
	void *user;
	int64_t slow_said_ms; /* when the log last said that it is slow */
	UT_hash_handle hh;
};

struct sio_ns {
	struct sio_handle h; /* first: pollux.h */
	struct hub_ns base;
	struct handler *events;     /* uthash; of the client's events */
	struct handler *acks;       /* uthash; of sio_on_ack() */
	struct handler *connection; /* one of its own: no client can call it by an event's name */
	struct handler *disconnect;
	struct handler *rest; /* "*" */
	sio_authorizer *authorize;
	void *authorize_user;
	UT_hash_handle hh; /* in app->namespaces by base.name */
};

/* Memory that lives until the outermost handler returns. */
struct arena_block {
	struct arena_block *next;
	_Alignas(max_align_t) char bytes[];
};

/* What an authorizer has said beside its verdict. */
struct admission {
	char *user, *data, *reason; /* owned; NULL: nothing */
};

struct sio_app {
	struct sio_handle h; /* first: pollux.h */
	struct hub *hub;     /* NULL while the application sets itself up */
	void *library;       /* of dlopen() */
	bool guest;          /* no application: every namespace is as good as another */
	struct sio_ns *namespaces;
	sio_authorizer *authorize;
	void *authorize_user;
	struct arena_block *arena;
	unsigned depth;             /* of nested handlers */
	unsigned warned;            /* of which reserved names the log has spoken, a bit each */
	struct session *current;    /* whose handler runs */
	struct admission admission; /* of the handshake that was accepted last */
	struct buf packet, data;    /* scratch of the senders */
	struct buf event, text;     /* scratch of the dispatcher */
};

struct sio_handshake {
	struct sio_handle h; /* first: pollux.h */
	const char *json;
	const char *query;           /* of the endpoint */
	struct sio_socket *socket;   /* that wants to join a namespace; NULL in the handshake */
	struct admission *admission; /* where an authorizer's words go; NULL for its readers */
};

struct sio_socket {
	struct sio_handle h; /* first: pollux.h */
	struct session *session;
	struct sio_ns *ns;
	struct sio_handshake handshake; /* json NULL: not read yet */
	const sio_event *event;         /* that is being handled; NULL of a socket that was found */
	bool acked;                     /* it has its answer */
};

extern const struct sio_api app_api;

static inline struct sio_app *
app_of(const void *handle)
{
	return ((const struct sio_handle *)handle)->app;
}

/* --- app.c ------------------------------------------------------------------------------------ */

/* Zeroed memory in the arena; NULL when there is none. */
void *app_alloc(struct sio_app *app, size_t n);
/* A NUL-terminated copy in the arena; NULL of NULL, and when there is no memory. */
const char *app_copy(struct sio_app *app, struct slice text);
/* The same of a malloc'ed text, which is freed. */
const char *app_keep(struct sio_app *app, char *text);
void app_free_arena(struct sio_app *app);

/* A write to the store has failed, and with it the turn.  Return -EIO. */
int app_fail(struct sio_app *app);

bool app_good_name(struct slice name);
struct sio_ns *app_find_ns(struct sio_app *app, struct slice name);
/* Add one.  NULL: a bad name, or no memory. */
struct sio_ns *app_add_ns(struct sio_app *app, struct slice name);

/* Add or replace a handler in a table.  0 or a negative errno. */
int app_set_handler(struct handler **table, const char *name, sio_handler *fn, void *user);

/* --- send.c ----------------------------------------------------------------------------------- */

/* Where a packet goes: a sio_target, checked. */
struct app_target {
	struct sio_ns *ns;
	int64_t session;   /* not 0: this one */
	struct slice user; /* p not NULL: the sessions of this person */
	struct slice room; /* p not NULL: those in this room */
	const int64_t *except;
	size_t except_n;
	bool is_volatile;
};

/* Send `pk`, whose endpoint is filled in here.  0 or a negative errno. */
int app_send(struct sio_app *app, const struct app_target *t, struct packet *pk);

/* The session of this key, if it is in the namespace.  0, -EPIPE: it is not there, or -EIO. */
int app_reach(struct sio_app *app, const struct sio_ns *ns, int64_t key, struct session **out);

/* An event that wants an answer: see sio_emit_ack(). */
struct app_question {
	struct sio_ns *ns;
	int64_t session;
	struct slice name, args; /* args.p NULL: none */
	struct slice handler, context;
	int timeout_ms;
};
int app_ask(struct sio_app *app, const struct app_question *q);

/* The data of an event, valid until the next call; `args` is JSON text, NULL p for none.
 * 0 or a negative errno. */
int app_event_data(struct sio_app *app, struct slice name, struct slice args, struct slice *data);

/* Append the keys (int64_t) of all sessions that the target reaches.  0 or a negative errno. */
int app_keys(struct sio_app *app, const struct app_target *t, struct buf *keys);

int app_emit(const sio_target *t, const char *name, const char *args);
int app_send_text(const sio_target *t, const char *text, size_t n);
int app_send_json(const sio_target *t, const char *value);
int app_emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms);
int app_ack(sio_socket *s, const sio_event *e, const char *args);
int app_clients(const sio_target *t, void (*each)(void *arg, const char *id), void *arg);
sio_target app_self(sio_socket *s);

/* --- door.c ----------------------------------------------------------------------------------- */

/* hub_app.act */
void app_act(void *arg, int64_t row, struct slice json);

/* --- handshake.c ------------------------------------------------------------------------------ */

int app_accept(const sio_handshake *h, const char *user, const char *data);
int app_refuse(const sio_handshake *h, const char *reason);
const char *app_handshake_field(const sio_handshake *h, const char *name);
const char *app_header(const sio_handshake *h, const char *name);
const char *app_query(const sio_handshake *h, const char *key);

/* Give a session what it was accepted with.  0 or -1. */
int app_admit(struct sio_app *app, int64_t key, const struct admission *a);
void app_free_admission(struct admission *a);

/* --- text.c ----------------------------------------------------------------------------------- */

const char *app_arg(const void *handle, const char *args, size_t i);
const char *app_text(const void *handle, const char *json);
const char *app_quote(const void *handle, const char *text, size_t n);
const char *app_format(const void *handle, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *app_args(const void *handle, const char *kinds, va_list values);
void app_log(const void *handle, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
