#include "shared/action/application.h"

#include <errno.h>
#include <stdlib.h>

#include "shared/action/event_relay.h"
#include "shared/action/namespace.h"

void
application_init(struct application *app, const struct application_ops *ops)
{
	app->ops = ops;
}

void
application_free(struct application *app)
{
	event_relay_close(app->relay);
	namespace_close_all(app);
	buf_free(&app->packet);
	buf_free(&app->data);
}

/* --- no application ------------------------------------------------------------------------- */

static void
close_none(struct application *app)
{
	application_free(app);
	free(app);
}

static const struct application_ops none_ops = {.close = close_none};

struct application *
application_open_none(void)
{
	struct application *app = calloc(1, sizeof(*app));

	if (app == NULL)
		return NULL;
	application_init(app, &none_ops);
	app->any_namespace = true;
	if (namespace_open(app, SLICE("")) == NULL) {
		application_close(app);
		return NULL;
	}
	return app;
}

/* --- for all kinds -------------------------------------------------------------------------- */

void
application_close(struct application *app)
{
	if (app != NULL)
		app->ops->close(app);
}

static struct hub_ns *
find_for_hub(void *arg, struct slice name)
{
	struct application *app = arg;
	struct ns *ns;

	if (app->reserved != NULL && slice_equal(name, app->reserved->name))
		return app->reserved;
	ns = namespace_find(app, name);
	return ns == NULL ? NULL : &ns->hub;
}

/* --- the reserved namespace, which the application must not hear of -------------------------- */

static int
authorize_unless_reserved(
    void *arg, struct hub_ns *ns, struct session *s, struct slice endpoint, struct slice query)
{
	struct application *app = arg;

	/* its own sessions are in it from the start */
	return ns == app->reserved ? -EACCES
	                           : app->ops->hub.authorize_ns(app, ns, s, endpoint, query);
}

static void
connected_unless_reserved(void *arg, struct hub_ns *ns, struct session *s, struct slice query)
{
	struct application *app = arg;

	if (ns == app->reserved)
		app->on_reserved(app->reserved_arg);
	else
		app->ops->hub.connected(app, ns, s, query);
}

static void
disconnected_unless_reserved(void *arg, struct hub_ns *ns, struct session *s, const char *reason)
{
	struct application *app = arg;

	if (ns != app->reserved)
		app->ops->hub.disconnected(app, ns, s, reason);
}

/* Before the application, a relay may take it. */
static void
receive_for_hub(void *arg, struct hub_ns *ns, struct session *s, const struct packet *pk)
{
	struct application *app = arg;

	if (ns != app->reserved && (app->relay == NULL || !event_relay_take(app, ns, s, pk)))
		app->ops->hub.received(app, ns, s, pk);
}

struct hub_app
application_for_hub(struct application *app)
{
	struct hub_app hub_app = app->ops->hub;

	hub_app.arg = app;
	hub_app.find = find_for_hub;
	if (hub_app.received != NULL)
		hub_app.received = receive_for_hub;
	if (app->reserved != NULL) {
		hub_app.authorize_ns = authorize_unless_reserved;
		hub_app.connected = connected_unless_reserved;
		hub_app.disconnected = disconnected_unless_reserved;
	}
	return hub_app;
}

void
application_reserve(
    struct application *app, struct hub_ns *ns, void (*connected)(void *arg), void *arg)
{
	app->reserved = ns;
	app->on_reserved = connected;
	app->reserved_arg = arg;
}

void
application_set_hub(struct application *app, struct hub *hub)
{
	app->hub = hub;
}

int
application_fail(struct application *app)
{
	transaction_fail(app->hub);
	return -EIO;
}

int
application_fd(const struct application *app)
{
	return app->ops->fd == NULL ? -1 : app->ops->fd(app);
}

void
application_run(struct application *app)
{
	if (app->ops->run != NULL)
		app->ops->run(app);
}

void
application_wake(struct application *app)
{
	if (app->ops->wake != NULL)
		app->ops->wake(app);
}

int64_t
application_settled(struct application *app, bool committed)
{
	return app->ops->settled == NULL ? INT64_MAX : app->ops->settled(app, committed);
}

void
application_drain(struct application *app)
{
	if (app->ops->drain != NULL)
		app->ops->drain(app);
}

void
application_reload(struct application *app)
{
	if (app->ops->reload != NULL)
		app->ops->reload(app);
}

bool
application_is_busy(const struct application *app)
{
	return app->ops->is_busy != NULL && app->ops->is_busy(app);
}

bool
application_slows(const struct application *app, int64_t key)
{
	return app->ops->slows != NULL && app->ops->slows(app, key);
}

void
application_stop(struct application *app)
{
	if (app->ops->stop != NULL)
		app->ops->stop(app);
}

bool
application_authorizes(const struct application *app)
{
	return app->ops->authorizes != NULL && app->ops->authorizes(app);
}

bool
application_asks(const struct application *app)
{
	return app->ops->asks != NULL && app->ops->asks(app);
}

struct application_question *
application_ask(struct application *app, const char *handshake, int64_t key,
    application_verdict *done, void *arg)
{
	return app->ops->ask(app, handshake, key, done, arg);
}

void
application_cancel(struct application_question *question)
{
	question->application->ops->cancel(question);
}
