/* internal: what the files of the application layer share.  Only shared/app/ includes it. */
#ifndef POLLUX_APP_INTERNAL_H
#define POLLUX_APP_INTERNAL_H

#include <uthash.h>

#include "shared/app/app.h"
#include "shared/base/buf.h"

/* A handler under its name. */
struct handler {
	char *name; /* owned */
	size_t name_n;
	sio_handler *fn;
	void *user;
	UT_hash_handle hh;
};

struct sio_ns {
	const struct sio_api *api; /* first: pollux.h */
	struct hub_ns base;
	struct sio_app *app;
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
	char bytes[];
};

struct sio_app {
	const struct sio_api *api; /* first: pollux.h */
	struct hub *hub;
	void *library; /* of dlopen() */
	struct sio_ns *namespaces;
	sio_authorizer *authorize;
	void *authorize_user;
	struct arena_block *arena;
	unsigned depth;          /* of nested handlers */
	struct session *current; /* whose handler runs */
	struct buf packet, data; /* scratch of the senders */
	struct buf event, text;  /* scratch of the dispatcher */
};

struct sio_handshake {
	const struct sio_api *api; /* first: pollux.h */
	struct sio_app *app;
	const char *json;
};

struct sio_socket {
	const struct sio_api *api; /* first: pollux.h */
	struct sio_app *app;
	struct session *session;
	struct sio_ns *ns;
	struct sio_handshake handshake; /* json NULL: not read yet */
	bool acked;                     /* the event being handled has its answer */
};

extern const struct sio_api app_api;

/* Zeroed memory in the arena; NULL when there is none. */
void *app_alloc(struct sio_app *app, size_t n);

struct sio_ns *app_find_ns(struct sio_app *app, struct slice name);
struct sio_ns *app_add_ns(struct sio_app *app, struct slice name);

/* Add or replace a handler in a table.  0 or a negative errno. */
int app_set_handler(struct handler **table, const char *name, sio_handler *fn, void *user);

#endif
