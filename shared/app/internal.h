/* internal: what the files of the C module share.  Only shared/app/ includes it. */
#ifndef POLLUX_APP_INTERNAL_H
#define POLLUX_APP_INTERNAL_H

#include <sys/queue.h>

#include <pollux/pollux.h>
#include <uthash.h>

#include "shared/action/action.h"
#include "shared/action/admission.h"
#include "shared/action/application.h"
#include "shared/action/name.h"
#include "shared/action/namespace.h"
#include "shared/action/ruling.h"
#include "shared/action/target.h"
#include "shared/app/module.h"
#include "shared/base/buf.h"
#include "shared/base/container.h"
#include "shared/store/timekeeper.h"
#include "shared/wire/json.h"

/* Calls without the store after which a handler that has used it counts as one that does not. */
#define HANDLER_WARY 1000

/* A handler under its name. */
struct handler {
	char *name; /* owned */
	size_t name_n;
	sio_handler *fn;
	void *user;
	int64_t slow_logged_ms; /* when it was last logged as slow */
	unsigned slow_n;        /* how often it was */
	unsigned wary;          /* so many calls without the store, and it need not wait for it */
	UT_hash_handle hh;
};

struct sio_ns {
	struct sio_handle h; /* first: pollux.h */
	struct ns base;
	struct handler *events;     /* uthash; of the client's events */
	struct handler *acks;       /* uthash; of sio_on_ack() */
	struct handler *timers;     /* uthash; of sio_on_timer() */
	struct handler *connection; /* not in `events`, where a client could call it by name */
	struct handler *disconnect;
	struct handler *any; /* "*" */
	sio_authorizer *authorize;
	void *authorize_user;
};

/* Memory that lives until the outermost handler returns. */
struct arena_block {
	struct arena_block *next;
	_Alignas(max_align_t) char bytes[];
};

/* Of sio_on_user_connect() and its like; fn NULL: none. */
struct user_handler {
	sio_user_handler *fn;
	void *arg;
};

/* A buffer that lives as long. */
struct arena_buf {
	struct arena_buf *next;
	struct buf buf;
};

/* Of sio_every(). */
struct every {
	sio_tick *fn;
	void *user;
	int64_t period_ms;
	int64_t slow_logged_ms; /* as in struct handler */
	unsigned slow_n, wary;
};

struct sio_app {
	struct sio_handle h; /* first: pollux.h */
	struct application base;
	void *library;    /* of dlopen() */
	const char *node; /* borrowed; empty: there is no cluster */
	sio_authorizer *authorize;
	void *authorize_user;
	struct user_handler user_connect, user_disconnect;
	struct every every[TIMEKEEPER_TICKS];
	unsigned every_n;
	struct arena_block *arena;
	struct arena_buf *bufs;                   /* in the arena */
	unsigned depth;                           /* of nested handlers */
	struct admission admission;               /* of the handshake that was accepted last */
	TAILQ_HEAD(, verdict_question) questions; /* of verdict.c */
	size_t questions_n;
	struct verdict_question *unheld; /* of the handshake that was asked about last */
	bool is_ruled;                   /* its verdict has come: do not ask again */
	struct buf event, text;          /* scratch of the dispatcher */
	struct buf except;               /* scratch of send.c: int64_t keys */
};

/* One session that a target leaves out, in the arena.  A target that was made from another one
 * shares the rest of its list. */
struct sio_left_out {
	int64_t key;
	const struct sio_left_out *others; /* NULL: there are none */
};

struct sio_handshake {
	struct sio_handle h; /* first: pollux.h */
	const char *json;
	const char *query;             /* of the endpoint */
	struct sio_socket *socket;     /* that wants to join a namespace; NULL in the handshake */
	struct session *session;       /* NULL: there is none yet */
	struct admission *admission;   /* takes an authorizer's verdict; NULL outside of one */
	struct verdict_asking *asking; /* the same, if it comes later */
};

/* Whom an authorizer is asked about; ns NULL: a handshake. */
struct verdict_asking {
	struct hub_ns *ns;
	int64_t key;
	struct slice endpoint, query;
	bool wants_later;
	struct verdict_question *question; /* NULL: the verdict is not put off */
};

struct sio_socket {
	struct sio_handle h; /* first: pollux.h */
	struct session *session;
	struct sio_ns *ns;
	struct sio_handshake handshake; /* json NULL: not read yet */
	const sio_event *event;         /* being handled; NULL: a socket from sio_find() */
	bool acked;                     /* the event has its ack */
};

static inline struct sio_app *
module_of(struct application *base)
{
	return container_of(base, struct sio_app, base);
}

static inline struct sio_app *
module_of_handle(const void *handle)
{
	return ((const struct sio_handle *)handle)->app;
}

/* --- arena.c -------------------------------------------------------------------------------- */

/* Zeroed memory in the arena; NULL when there is none. */
void *arena_alloc(struct sio_app *app, size_t n);
/* A NUL-terminated copy in the arena; NULL of NULL, and when there is no memory. */
const char *arena_copy(struct sio_app *app, struct slice text);
/* The same of a malloc'ed text, which is freed. */
const char *arena_keep(struct sio_app *app, char *text);
/* An empty buffer, freed with the arena; NULL: no memory. */
struct buf *arena_buf(struct sio_app *app);
void arena_free(struct sio_app *app);

/* --- builder.c: as in pollux.h -------------------------------------------------------------- */

sio_builder *builder_open(const void *handle);
void builder_object(sio_builder *b);
void builder_array(sio_builder *b);
void builder_end(sio_builder *b);
void builder_name(sio_builder *b, const char *name, size_t n);
void builder_text(sio_builder *b, const char *text, size_t n);
void builder_integer(sio_builder *b, int64_t value);
void builder_number(sio_builder *b, double value);
void builder_bool(sio_builder *b, bool value);
void builder_json(sio_builder *b, const char *json);
const char *builder_finish(sio_builder *b);

/* --- reader.c: as in pollux.h --------------------------------------------------------------- */

/* Find a member of an object; as in JavaScript, the last one of that name counts. */
bool reader_find(const struct json_value *object, struct slice name, struct json_value *found);

int reader_kind(const void *handle, const char *json);
bool reader_bool(const void *handle, const char *json, bool *out);
bool reader_number(const void *handle, const char *json, double *out);
bool reader_integer(const void *handle, const char *json, int64_t *out);
int reader_length(const void *handle, const char *json);
const char *const *reader_elements(const void *handle, const char *json, size_t *n);
const char *reader_member(const void *handle, const char *json, const char *name);
const char *reader_member_n(const void *handle, const char *json, const char *name, size_t n);
const sio_field *reader_members(const void *handle, const char *json, size_t *n);
const sio_field *reader_members_n(const void *handle, const char *json, size_t *n);

/* --- handlers.c ----------------------------------------------------------------------------- */

static inline struct sio_ns *
handlers_ns_of(struct hub_ns *base)
{
	return container_of(base, struct sio_ns, base.hub);
}

/* NULL: it does not exist. */
struct sio_ns *handlers_find_ns(struct sio_app *app, struct slice name);
/* NULL: an invalid name, or no memory. */
struct sio_ns *handlers_add_ns(struct sio_app *app, struct slice name);
/* Add or replace a handler in a table.  0 or -ENOMEM. */
int handlers_set(struct handler **table, struct slice name, sio_handler *fn, void *user);
/* Free all namespaces with their handlers. */
void handlers_free(struct sio_app *app);

/* --- dispatch.c: the members of hub_app; `arg` is the struct application -------------------- */

int dispatch_authorize(void *arg, const char *handshake);
int dispatch_authorize_ns(
    void *arg, struct hub_ns *base, struct session *s, struct slice endpoint, struct slice query);
int dispatch_created(void *arg, int64_t key);
void dispatch_connected(void *arg, struct hub_ns *base, struct session *s, struct slice query);
void dispatch_disconnected(void *arg, struct hub_ns *base, struct session *s, const char *reason);
void dispatch_received(void *arg, struct hub_ns *base, struct session *s, const struct packet *pk);
void dispatch_answered(void *arg, struct hub_ns *base, struct session *s, const struct ack_row *ack,
    struct slice args);
void dispatch_user_changed(void *arg, int64_t key, struct slice user, bool arrives);
void dispatch_timer(
    void *arg, struct hub_ns *base, struct session *s, struct slice name, struct slice context);

/* After a handler, or what is like one: log that it was slow, the `*n`th time, unless that was
 * logged lately.  `name` of namespace `ns`, which is NULL: of none. */
void dispatch_log_slow(
    const char *name, const char *ns, int64_t began, int64_t *logged_ms, unsigned *n);

/* --- every.c -------------------------------------------------------------------------------- */

int every_add(sio_app *app, int ms, sio_tick *fn, void *user);
/* hub_app.tick */
bool every_run(void *arg, int64_t *next_ms);

/* --- api.c ---------------------------------------------------------------------------------- */

extern const struct sio_api api_functions;

/* --- send.c: as in pollux.h ----------------------------------------------------------------- */

/* Log what is wrong with a text that should be JSON, or a JSON array.  `call` is that of pollux.h,
 * `name` the event or key that it was for. */
void send_check_json(const char *call, const char *name, const char *text, bool is_array);

/* Check a target of the application and convert it; valid until the next call.  0, -EINVAL or
 * -ENOMEM. */
int send_target(const sio_target *t, struct target *out);

int send_emit(const sio_target *t, const char *name, const char *args);
int send_text(const sio_target *t, const char *text, size_t n);
int send_json(const sio_target *t, const char *value);
int send_emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms);
int send_ack(sio_socket *s, const sio_event *e, const char *args);
int send_emit_ack_to(const sio_target *t, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms);
int send_text_ack(const sio_target *t, const char *text, size_t n, const char *handler,
    const char *context, int timeout_ms);
int send_json_ack(const sio_target *t, const char *value, const char *handler, const char *context,
    int timeout_ms);
const char *send_ack_later(sio_socket *s, const sio_event *e);
int send_later_answer(const void *handle, const char *text, const char *args);
sio_target send_self(sio_socket *s);
const struct sio_left_out *send_leave_out(
    const void *handle, const struct sio_left_out *others, int64_t key);

/* --- look.c: as in pollux.h ----------------------------------------------------------------- */

int look_clients(const sio_target *t, void (*each)(void *arg, const char *id), void *arg);
int look_clients_data(
    const sio_target *t, const char *keys, void (*each)(void *arg, const sio_client *c), void *arg);
int look_ns_rooms(sio_ns *ns, void (*each)(void *arg, const char *room, int sessions), void *arg);
int look_ns_rooms_n(
    sio_ns *ns, void (*each)(void *arg, const char *room, size_t n, int sessions), void *arg);

/* --- socket.c: as in pollux.h --------------------------------------------------------------- */

int socket_join_n(sio_socket *s, const char *room, size_t n);
int socket_join_history(sio_socket *s, const char *room, int history);
int socket_join_history_n(sio_socket *s, const char *room, size_t n, int history);
int socket_join(sio_socket *s, const char *room);
int socket_leave_n(sio_socket *s, const char *room, size_t n);
int socket_leave(sio_socket *s, const char *room);
int socket_set_n(sio_socket *s, const char *key, size_t n, const char *json);
int socket_set(sio_socket *s, const char *key, const char *json);
const char *socket_get_n(sio_socket *s, const char *key, size_t n);
const char *socket_get(sio_socket *s, const char *key);
int socket_del_n(sio_socket *s, const char *key, size_t n);
int socket_del(sio_socket *s, const char *key);
int socket_set_user(sio_socket *s, const char *user);
const char *socket_user(sio_socket *s);
int socket_rooms_n(sio_socket *s, void (*each)(void *arg, const char *room, size_t n), void *arg);
int socket_rooms(sio_socket *s, void (*each)(void *arg, const char *room), void *arg);
int socket_after(sio_socket *s, int ms, const char *handler, const char *context);
int socket_cancel(sio_socket *s, const char *handler);
int socket_disconnect(sio_socket *s, bool whole_session);
bool socket_disconnected(sio_socket *s);
const char *socket_id(sio_socket *s);
const char *socket_sid(sio_socket *s);
const char *socket_transport(sio_socket *s);
sio_ns *socket_ns(sio_socket *s);
const sio_handshake *socket_handshake(sio_socket *s);

/* --- handshake_data.c: as in pollux.h ------------------------------------------------------- */

int handshake_data_accept(const sio_handshake *h, const char *user, const char *data);
int handshake_data_refuse(const sio_handshake *h, const char *reason);
const char *handshake_data_field(const sio_handshake *h, const char *name);
const char *handshake_data_header(const sio_handshake *h, const char *name);
const char *handshake_data_cookie(const sio_handshake *h, const char *name);
const char *handshake_data_query(const sio_handshake *h, const char *key);

/* --- verdict.c ------------------------------------------------------------------------------ */

/* What an authorizer's return value comes to: -EINPROGRESS only with a question. */
int verdict_returned(struct verdict_asking *asking, int verdict);
/* Does a question about this session wait? */
bool verdict_is_asked(const struct sio_app *app, int64_t key, const struct hub_ns *ns);

/* As in application_ops. */
struct application_question *verdict_hold(struct application *base, const char *handshake,
    int64_t key, application_verdict *done, void *arg);
void verdict_cancel(struct application_question *question);
int verdict_ruled(struct application *base, int64_t id, const struct ruling *r);
void verdict_run(struct application *base);
int64_t verdict_settled(struct application *base, bool committed);
void verdict_stop(struct application *base);

/* As in pollux.h. */
const char *verdict_later(const sio_handshake *h);
int verdict_accept(const void *handle, const char *later, const char *user, const char *data);
int verdict_refuse(const void *handle, const char *later, const char *reason);

/* --- text.c: as in pollux.h ----------------------------------------------------------------- */

const char *text_arg(const void *handle, const char *args, size_t i);
const char *text_decode(const void *handle, const char *json);
const char *text_decode_n(const void *handle, const char *json, size_t *n);
const char *text_quote(const void *handle, const char *text, size_t n);
const char *text_format(const void *handle, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Append a number as JSON. */
void text_write_double(struct buf *out, double value);
const char *text_args(const void *handle, const char *kinds, va_list values);
void text_log(const void *handle, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
