/* Calls the handlers of the module: connections, packets, acks, disconnections, authorization. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/clock.h"
#include "shared/base/crash.h"
#include "shared/base/log.h"
#include "shared/store/store.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

#define SLOW_MS       10    /* a handler that takes longer is named in the log ... */
#define SLOW_QUIET_MS 60000 /* ... this often at most, each by itself */

/* A slow handler delays every session of its process: log it, once a minute at most. */
void
dispatch_log_slow(const char *name, const char *ns, int64_t began, int64_t *logged_ms, unsigned *n)
{
	int64_t now = clock_coarse_ms();

	if (now - began <= SLOW_MS)
		return;
	(*n)++;
	if (*logged_ms != 0 && now - *logged_ms < SLOW_QUIET_MS)
		return;
	*logged_ms = now;
	if (ns == NULL)
		log_warnx("application: %s took %" PRId64 " ms; slow %u times so far", name,
		    now - began, *n);
	else
		log_warnx("application: handler \"%s\" of namespace \"%s\" took %" PRId64
			  " ms; slow %u times so far",
		    name, ns, now - began, *n);
}

static void
call_handler(struct sio_ns *ns, struct session *s, struct handler *handler, const sio_event *e)
{
	struct sio_app *app = ns->h.app;
	struct sio_socket socket = {.h = ns->h,
	    .session = s,
	    .ns = ns,
	    .handshake = {.h = ns->h, .session = s},
	    .event = e};
	struct session *before = app->base.current;
	const struct store *store = hub_store(app->base.hub);
	unsigned failures = store_failures(store);
	struct crash_place place;
	int64_t began;

	if (handler == NULL)
		return;
	/* target_reach() finds the session of the running handler without a query */
	app->base.current = s;
	app->depth++;
	began = clock_coarse_ms();
	place = crash_enter(ns->base.hub.name.p, e->name);
	handler->fn(&socket, e, handler->user);
	crash_leave(place);
	/* the handler cannot tell a failed read from a missing value: undo what it did */
	if (store_failures(store) != failures)
		application_fail(&app->base);
	dispatch_log_slow(
	    handler->name, ns->base.hub.name.p, began, &handler->slow_logged_ms, &handler->slow_n);
	app->base.current = before;
	/* a handler may end a session, whose disconnect handler runs inside it */
	if (--app->depth == 0)
		arena_free(app);
}

/* A NUL-terminated copy of `s` in `scratch`. */
static const char *
copy_terminated(struct buf *scratch, struct slice s)
{
	buf_clear(scratch);
	buf_add_slice(scratch, s);
	buf_add_char(scratch, '\0');
	return scratch->failed ? NULL : scratch->p;
}

/* --- authorization -------------------------------------------------------------------------- */

/* Call an authorizer and log its refusal: the client is not told the reason. */
static int
ask_authorizer(sio_authorizer *authorizer, const sio_handshake *h, void *user)
{
	const char *address = sio_address(h);
	int64_t began = clock_coarse_ms(), took;
	struct crash_place place =
	    crash_enter(h->socket == NULL ? "" : h->socket->ns->base.hub.name.p, "authorization");
	int verdict = authorizer(h, user);

	crash_leave(place);
	took = clock_coarse_ms() - began;
	if (took > SLOW_MS)
		log_limited(LOG_LEVEL_WARN, "application: an authorizer took %" PRId64 " ms", took);
	if (verdict == -EACCES)
		log_limited(LOG_LEVEL_INFO, "application: refused %s%s%s: %s",
		    address == NULL ? "" : address, h->socket == NULL ? "" : " for ",
		    h->socket == NULL ? "" : h->socket->ns->base.hub.name.p,
		    h->admission->reason == NULL ? "no reason given" : h->admission->reason);
	else if (verdict != 0 && verdict != -EINPROGRESS)
		log_limited(
		    LOG_LEVEL_WARN, "application: an authorizer failed: %s", strerror(-verdict));
	return verdict_returned(h->asking, verdict);
}

static void
leave_handler(struct sio_app *app)
{
	if (--app->depth == 0)
		arena_free(app);
}

int
dispatch_authorize(void *arg, const char *json)
{
	struct sio_app *app = module_of(arg);
	struct verdict_asking asking = {.ns = NULL};
	struct sio_handshake handshake = {
	    .h = app->h, .json = json, .admission = &app->admission, .asking = &asking};
	int verdict;

	if (app->is_ruled) /* later, and now it is here, with the admission */
		return 0;
	admission_free(&app->admission);
	if (app->authorize == NULL)
		return 0;
	transaction_let_go(app->base.hub); /* it may take its time */
	app->depth++;
	verdict = ask_authorizer(app->authorize, &handshake, app->authorize_user);
	app->unheld = asking.question;
	leave_handler(app);
	return verdict;
}

/* The session of the handshake that was authorized last exists now. */
int
dispatch_created(void *arg, int64_t key)
{
	struct sio_app *app = module_of(arg);
	int result = admission_apply(&app->base, key, &app->admission);

	admission_free(&app->admission);
	return result;
}

int
dispatch_authorize_ns(
    void *arg, struct hub_ns *base, struct session *s, struct slice endpoint, struct slice query)
{
	struct sio_app *app = module_of(arg);
	struct sio_ns *ns = handlers_ns_of(base);
	struct sio_socket socket = {
	    .h = ns->h, .session = s, .ns = ns, .handshake = {.h = ns->h, .session = s}};
	struct admission admission = {NULL, NULL, NULL};
	struct verdict_asking asking = {
	    .ns = base, .key = session_key(s), .endpoint = endpoint, .query = query};
	struct sio_handshake handshake = {.h = ns->h,
	    .socket = &socket,
	    .session = s,
	    .admission = &admission,
	    .asking = &asking};
	struct session *before = app->base.current;
	char *json;
	int verdict;

	if (ns->authorize == NULL)
		return 0;
	if (verdict_is_asked(app, asking.key, base))
		return -EINPROGRESS;
	json = session_row_handshake(hub_store(app->base.hub), session_key(s));
	if (json == NULL)
		return -EIO;
	handshake.json = json;
	app->base.current = s;
	app->depth++;
	handshake.query = arena_copy(app, query);
	verdict = ask_authorizer(ns->authorize, &handshake, ns->authorize_user);
	if (verdict == 0 && !session_is_over(s) &&
	    admission_apply(&app->base, session_key(s), &admission) == -1)
		verdict = -EIO;
	app->base.current = before;
	leave_handler(app);
	admission_free(&admission);
	free(json);
	return verdict;
}

/* --- packets -------------------------------------------------------------------------------- */

/* Call the handler of connection or disconnect; no packet can name these. */
static void
call_own_event(struct hub_ns *base, struct session *s, struct handler *handlers, const char *name,
    struct slice text)
{
	struct sio_ns *ns = handlers_ns_of(base);
	struct buf scratch = {.p = NULL};
	const char *copy = copy_terminated(&scratch, text);
	sio_event e = {.name = name, .name_n = strlen(name), .args = "[]", .args_n = 2};

	e.text = copy == NULL ? "" : copy;
	e.text_n = copy == NULL ? 0 : text.n;
	call_handler(ns, s, handlers, &e);
	buf_free(&scratch);
}

void
dispatch_connected(void *arg, struct hub_ns *base, struct session *s, struct slice query)
{
	(void)arg;
	call_own_event(base, s, handlers_ns_of(base)->connection, "connection", query);
}

void
dispatch_disconnected(void *arg, struct hub_ns *base, struct session *s, const char *reason)
{
	(void)arg;
	call_own_event(base, s, handlers_ns_of(base)->disconnect, "disconnect", slice_of(reason));
}

void
dispatch_user_changed(void *arg, int64_t key, struct slice user, bool arrives)
{
	struct sio_app *app = module_of(arg);
	const struct user_handler *handler = arrives ? &app->user_connect : &app->user_disconnect;
	const struct store *store = hub_store(app->base.hub);
	unsigned failures = store_failures(store);
	struct session *before = app->base.current;
	struct crash_place place;
	char id[SID_PUBLIC_LENGTH + 1];
	const char *name;
	int64_t began = clock_coarse_ms(), took;

	if (handler->fn == NULL)
		return;
	sid_public_write(id, key);
	app->base.current = NULL;
	app->depth++;
	name = arena_copy(app, user);
	place = crash_enter("", arrives ? "user_connect" : "user_disconnect");
	if (name != NULL)
		handler->fn(app, name, id, handler->arg);
	crash_leave(place);
	if (name == NULL || store_failures(store) != failures)
		application_fail(&app->base);
	took = clock_coarse_ms() - began;
	if (took > SLOW_MS)
		log_limited(LOG_LEVEL_WARN,
		    "application: the handler of a user that %s took %" PRId64 " ms",
		    arrives ? "connects" : "disconnects", took);
	app->base.current = before;
	leave_handler(app);
}

static struct handler *
find_handler(const struct sio_ns *ns, struct slice name)
{
	struct handler *at;

	HASH_FIND(hh, ns->events, name.p, name.n, at);
	/* "*" reads the name as a C string, which would be another name */
	return at != NULL || slice_has_nul(name) ? at : ns->any;
}

/* Fill `e` in for a text message. */
static int
read_text_message(struct sio_app *app, const struct packet *pk, sio_event *e)
{
	e->name = "message";
	e->name_n = 7;
	e->args = "[]";
	e->args_n = 2;
	e->text = copy_terminated(&app->text, pk->data);
	e->text_n = pk->data.n;
	return e->text == NULL ? -1 : 0;
}

static int
read_json_message(struct sio_app *app, const struct packet *pk, sio_event *e)
{
	struct json_value value;

	if (json_parse(&value, pk->data) == -1)
		return -1; /* PROTOCOL 5.5: ignored */
	e->name = "message";
	e->name_n = 7;
	e->is_json = true;
	buf_clear(&app->text);
	buf_add_char(&app->text, '[');
	buf_add_slice(&app->text, value.text);
	buf_puts(&app->text, "]");
	e->args_n = app->text.n;
	buf_add_char(&app->text, '\0');
	e->args = app->text.p;
	return app->text.failed ? -1 : 0;
}

/* An event named "message" goes to the same handler as a message, so it is made to look like one:
 * its first argument is the text, or the JSON value. */
static int
read_event_as_message(struct sio_app *app, struct slice args, sio_event *e)
{
	struct json_value array, first = {.kind = JSON_KIND_NULL};
	struct json_walk walk;

	if (json_parse(&array, args) == -1)
		return -1;
	json_walk_begin(&walk, &array);
	(void)json_walk_element(&walk, &first);
	e->is_json = first.kind != JSON_KIND_STRING;
	if (e->is_json)
		return 0;
	buf_clear(&app->event);
	json_string_decode(&app->event, first.text);
	e->text_n = app->event.n;
	buf_add_char(&app->event, '\0');
	e->text = app->event.p;
	return app->event.failed ? -1 : 0;
}

static int
read_named_event(struct sio_app *app, const struct packet *pk, sio_event *e)
{
	struct event event;
	size_t args_at;

	if (packet_event(&event, pk->data, &app->event) == -1 || slice_is(event.name, "disconnect"))
		return -1; /* PROTOCOL 5.7: the blacklist */
	buf_clear(&app->text);
	buf_add_slice(&app->text, event.name);
	buf_add_char(&app->text, '\0');
	args_at = app->text.n;
	buf_add_slice(&app->text, event.args);
	buf_add_char(&app->text, '\0');
	if (app->text.failed)
		return -1;
	e->name = app->text.p;
	e->name_n = event.name.n;
	e->args = app->text.p + args_at;
	e->args_n = event.args.n;
	if (slice_is((struct slice){e->name, e->name_n}, "message"))
		return read_event_as_message(app, (struct slice){e->args, e->args_n}, e);
	return 0;
}

/* While another program holds a lock of the store, those handlers that do not use it go on.  A
 * handler says nothing of itself, so take what it did lately: one that uses the store after all
 * would wait for the lock, and the whole loop with it. */
static void
call_for_packet(struct sio_ns *ns, struct session *s, struct handler *handler, const sio_event *e)
{
	struct hub *hub = ns->h.app->base.hub;
	bool streams = session_streams_here(s);
	unsigned opens = hub_opens(hub);

	if (handler == NULL)
		return;
	if (streams && handler->wary > 0 && transaction_try(hub) == -1) {
		receive_later(hub);
		return;
	}
	call_handler(ns, s, handler, e);
	/* sending to one that polls always uses it, which says nothing of the others */
	if (!streams)
		return;
	if (hub_opens(hub) != opens)
		handler->wary = HANDLER_WARY;
	else if (handler->wary > 0)
		handler->wary--;
}

void
dispatch_received(void *arg, struct hub_ns *base, struct session *s, const struct packet *pk)
{
	struct sio_app *app = module_of(arg);
	struct sio_ns *ns = handlers_ns_of(base);
	char id[PACKET_ID_MAX + 1] = "";
	sio_event e = {.name = ""};
	int result = -1;

	if (pk->type == PACKET_MESSAGE)
		result = read_text_message(app, pk, &e);
	else if (pk->type == PACKET_JSON)
		result = read_json_message(app, pk, &e);
	else
		result = read_named_event(app, pk, &e);
	if (result == -1)
		return;
	if (pk->id.n > 0)
		memcpy(id, pk->id.p, pk->id.n);
	e.ack_id = id;
	e.wants_ack = pk->ack_data && pk->id.n > 0;
	call_for_packet(ns, s, find_handler(ns, (struct slice){e.name, e.name_n}), &e);
}

void
dispatch_answered(
    void *arg, struct hub_ns *base, struct session *s, const struct ack_row *ack, struct slice args)
{
	struct sio_app *app = module_of(arg);
	struct sio_ns *ns = handlers_ns_of(base);
	struct handler *at;
	sio_event e = {
	    .name = ack->handler, .name_n = strlen(ack->handler), .context = ack->context};

	HASH_FIND(hh, ns->acks, ack->handler, e.name_n, at);
	if (at == NULL)
		log_limited(LOG_LEVEL_WARN,
		    "application: no sio_on_ack() handler \"%s\" for an ack", ack->handler);
	e.timed_out = args.p == NULL;
	if (e.timed_out)
		args = SLICE("[]");
	e.args = copy_terminated(&app->text, args);
	e.args_n = args.n;
	if (e.args != NULL)
		call_handler(ns, s, at, &e);
}

void
dispatch_timer(
    void *arg, struct hub_ns *base, struct session *s, struct slice name, struct slice context)
{
	struct sio_ns *ns = handlers_ns_of(base);
	struct handler *at;
	sio_event e = {
	    .name = name.p, .name_n = name.n, .args = "[]", .args_n = 2, .context = context.p};

	(void)arg;
	HASH_FIND(hh, ns->timers, name.p, name.n, at);
	if (at == NULL)
		log_limited(LOG_LEVEL_WARN,
		    "application: no sio_on_timer() handler \"%s\" for a timer", name.p);
	call_handler(ns, s, at, &e);
}
