/* The namespaces that a module has made, and the handlers in them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"

struct sio_ns *
handlers_find_ns(struct sio_app *app, struct slice name)
{
	struct ns *base = namespace_find(&app->base, name);

	return base == NULL ? NULL : handlers_ns_of(&base->hub);
}

struct sio_ns *
handlers_add_ns(struct sio_app *app, struct slice name)
{
	struct sio_ns *ns = calloc(1, sizeof(*ns));

	if (ns == NULL)
		return NULL;
	ns->h = app->h;
	if (namespace_add(&app->base, &ns->base, name) != 0) {
		free(ns);
		return NULL;
	}
	return ns;
}

static void
free_handlers(struct handler **table)
{
	struct handler *at, *next;

	HASH_ITER (hh, *table, at, next) {
		HASH_DEL(*table, at);
		free(at->name);
		free(at);
	}
}

int
handlers_set(struct handler **table, struct slice name, sio_handler *fn, void *user)
{
	struct handler *at;

	HASH_FIND(hh, *table, name.p, name.n, at);
	if (at == NULL) {
		at = calloc(1, sizeof(*at));
		if (at == NULL)
			return -ENOMEM;
		/* NUL-terminated for the log; not by strndup(), which stops at a NUL inside */
		at->name = calloc(1, name.n + 1);
		if (at->name == NULL) {
			free(at);
			return -ENOMEM;
		}
		memcpy(at->name, name.p, name.n);
		at->name_n = name.n;
		at->wary = 1;
		HASH_ADD_KEYPTR(hh, *table, at->name, name.n, at);
	}
	at->fn = fn;
	at->user = user;
	return 0;
}

void
handlers_free(struct sio_app *app)
{
	struct ns *base, *next;

	HASH_ITER (hh, app->base.namespaces, base, next) {
		struct sio_ns *ns = handlers_ns_of(&base->hub);

		free_handlers(&ns->events);
		free_handlers(&ns->acks);
		free_handlers(&ns->timers);
		free_handlers(&ns->connection);
		free_handlers(&ns->disconnect);
		free_handlers(&ns->any);
		namespace_remove(&app->base, base);
		free(ns);
	}
}
