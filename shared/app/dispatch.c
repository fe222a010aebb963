/* What the hub tells the application: connections, packets, answers, disconnections. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/json.h"

#define SLOW_MS 10 /* a handler that takes longer is named in the log */

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
free_arena(struct sio_app *app)
{
	struct arena_block *block;

	while ((block = app->arena) != NULL) {
		app->arena = block->next;
		free(block);
	}
}

static struct sio_ns *
ns_of(struct hub_ns *base)
{
	return (struct sio_ns *)(void *)((char *)base - offsetof(struct sio_ns, base));
}

static void
call(struct sio_ns *ns, struct session *s, const struct handler *handler, const sio_event *e)
{
	struct sio_app *app = ns->app;
	struct sio_socket socket = {.api = &app_api, .app = app, .session = s, .ns = ns};
	struct session *before = app->current;
	int64_t began, took;

	if (handler == NULL)
		return;
	socket.handshake.api = &app_api;
	socket.handshake.app = app;
	app->current = s;
	app->depth++;
	began = now_us();
	handler->fn(&socket, e, handler->user);
	took = now_us() - began;
	if (took > SLOW_MS * 1000)
		log_warnx("handler \"%s\" of namespace \"%s\" took %" PRId64 " ms", handler->name,
		    ns->base.name.p, took / 1000);
	app->current = before;
	if (--app->depth == 0)
		free_arena(app);
}

/* A NUL-terminated copy of `s` in `scratch`. */
static const char *
terminate(struct buf *scratch, struct slice s)
{
	buf_clear(scratch);
	buf_add_slice(scratch, s);
	buf_add_char(scratch, '\0');
	return scratch->failed ? NULL : scratch->p;
}

static struct hub_ns *
find(void *arg, struct slice name)
{
	struct sio_ns *ns = app_find_ns(arg, name);

	return ns == NULL ? NULL : &ns->base;
}

static int
authorize(void *arg, const char *json)
{
	struct sio_app *app = arg;
	struct sio_handshake handshake = {&app_api, app, json};
	int verdict;

	if (app->authorize == NULL)
		return 0;
	app->depth++;
	verdict = app->authorize(&handshake, app->authorize_user);
	if (--app->depth == 0)
		free_arena(app);
	return verdict;
}

static int
authorize_ns(void *arg, struct hub_ns *base, struct session *s, struct slice query)
{
	struct sio_ns *ns = ns_of(base);
	char *json;
	struct sio_handshake handshake = {.api = &app_api, .app = arg};
	int verdict;

	(void)query; /* reaches the connection handler */
	if (ns->authorize == NULL)
		return 0;
	json = store_session_handshake(hub_store(ns->app->hub), session_key(s));
	if (json == NULL)
		return -EIO;
	handshake.json = json;
	ns->app->depth++;
	verdict = ns->authorize(&handshake, ns->authorize_user);
	if (--ns->app->depth == 0)
		free_arena(ns->app);
	free(json);
	return verdict;
}

/* connection and disconnect: events that no client can name. */
static void
tell(struct hub_ns *base, struct session *s, struct handler *handlers, const char *name,
    struct slice text)
{
	struct sio_ns *ns = ns_of(base);
	struct buf scratch = {.p = NULL};
	const char *copy = terminate(&scratch, text);
	sio_event e = {.name = name, .name_n = strlen(name), .args = "[]", .args_n = 2};

	e.text = copy == NULL ? "" : copy;
	e.text_n = copy == NULL ? 0 : text.n;
	call(ns, s, handlers, &e);
	buf_free(&scratch);
}

static void
connected(void *arg, struct hub_ns *base, struct session *s, struct slice query)
{
	(void)arg;
	tell(base, s, ns_of(base)->connection, "connection", query);
}

static void
disconnected(void *arg, struct hub_ns *base, struct session *s, const char *reason)
{
	(void)arg;
	tell(base, s, ns_of(base)->disconnect, "disconnect", slice_of(reason));
}

static const struct handler *
handler_for(const struct sio_ns *ns, struct slice name)
{
	struct handler *at;

	HASH_FIND(hh, ns->events, name.p, name.n, at);
	return at != NULL ? at : ns->rest;
}

/* Fill `e` in for a text message. */
static int
read_message(struct sio_app *app, const struct packet *pk, sio_event *e)
{
	e->name = "message";
	e->args = "[]";
	e->args_n = 2;
	e->text = terminate(&app->text, pk->data);
	e->text_n = pk->data.n;
	return e->text == NULL ? -1 : 0;
}

static int
read_json(struct sio_app *app, const struct packet *pk, sio_event *e)
{
	struct json_value value;

	if (json_parse(&value, pk->data) == -1)
		return -1; /* PROTOCOL 5.5: ignored */
	e->name = "message";
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

/* An event that the client has named "message" reaches the same handler as a message, so it looks
 * like one: its first argument is the text, or the JSON value. */
static int
read_as_message(struct sio_app *app, struct slice args, sio_event *e)
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
read_event(struct sio_app *app, const struct packet *pk, sio_event *e)
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
		return read_as_message(app, (struct slice){e->args, e->args_n}, e);
	return 0;
}

static void
received(void *arg, struct hub_ns *base, struct session *s, const struct packet *pk)
{
	struct sio_app *app = arg;
	struct sio_ns *ns = ns_of(base);
	char id[PACKET_ID_MAX + 1] = "";
	sio_event e = {.name = ""};
	int result = -1;

	if (pk->type == PACKET_MESSAGE)
		result = read_message(app, pk, &e);
	else if (pk->type == PACKET_JSON)
		result = read_json(app, pk, &e);
	else
		result = read_event(app, pk, &e);
	if (result == -1)
		return;
	if (e.name_n == 0)
		e.name_n = strlen(e.name);
	if (pk->id.n > 0)
		memcpy(id, pk->id.p, pk->id.n);
	e.ack_id = id;
	e.wants_ack = pk->ack_data && pk->id.n > 0;
	call(ns, s, handler_for(ns, (struct slice){e.name, e.name_n}), &e);
}

static void
answered(void *arg, struct hub_ns *base, struct session *s, const struct store_ack *ack,
    struct slice args)
{
	struct sio_app *app = arg;
	struct sio_ns *ns = ns_of(base);
	struct handler *at;
	sio_event e = {
	    .name = ack->handler, .name_n = strlen(ack->handler), .context = ack->context};

	HASH_FIND(hh, ns->acks, ack->handler, e.name_n, at);
	if (at == NULL)
		log_warnx("no handler for the answer \"%s\"", ack->handler);
	e.args = terminate(&app->text, args);
	e.args_n = args.n;
	if (e.args != NULL)
		call(ns, s, at, &e);
}

struct hub_app
app_for_hub(struct sio_app *app)
{
	return (struct hub_app){
	    .arg = app,
	    .find = find,
	    .authorize = authorize,
	    .authorize_ns = authorize_ns,
	    .connected = connected,
	    .disconnected = disconnected,
	    .received = received,
	    .answered = answered,
	};
}
