/* Loading the application; its namespaces and handlers. */
#include "shared/app/app.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/app/internal.h"
#include "shared/base/log.h"
#include "shared/wire/packet.h"
#include "shared/wire/utf8.h"

void *
app_alloc(struct sio_app *app, size_t n)
{
	struct arena_block *block = calloc(1, sizeof(*block) + n);

	if (block == NULL)
		return NULL;
	block->next = app->arena;
	app->arena = block;
	return block->bytes;
}

const char *
app_copy(struct sio_app *app, struct slice text)
{
	char *copy = text.p == NULL ? NULL : app_alloc(app, text.n + 1);

	if (copy != NULL && text.n > 0)
		memcpy(copy, text.p, text.n);
	return copy;
}

const char *
app_keep(struct sio_app *app, char *text)
{
	const char *copy = app_copy(app, slice_of(text));

	free(text);
	return copy;
}

void
app_free_arena(struct sio_app *app)
{
	struct arena_block *block;

	while ((block = app->arena) != NULL) {
		app->arena = block->next;
		free(block);
	}
}

int
app_fail(struct sio_app *app)
{
	hub_fail(app->hub);
	return -EIO;
}

bool
app_good_name(struct slice name)
{
	return name.n <= APP_NAME_MAX && utf8_valid(name) &&
	       (name.n == 0 || memchr(name.p, '\0', name.n) == NULL);
}

/* "", or a slash and more; what ends an endpoint on the wire cannot be part of one. */
static bool
good_ns_name(struct slice name)
{
	if (!app_good_name(name))
		return false;
	if (name.n == 0)
		return true;
	return name.p[0] == '/' && name.n > 1 && memchr(name.p, ':', name.n) == NULL &&
	       memchr(name.p, '?', name.n) == NULL;
}

struct sio_ns *
app_find_ns(struct sio_app *app, struct slice name)
{
	struct sio_ns *ns;

	HASH_FIND(hh, app->namespaces, name.n == 0 ? "" : name.p, name.n, ns);
	return ns;
}

struct sio_ns *
app_add_ns(struct sio_app *app, struct slice name)
{
	struct sio_ns *ns;
	char *copy;

	if (!good_ns_name(name))
		return NULL;
	ns = calloc(1, sizeof(*ns));
	copy = strndup(name.n == 0 ? "" : name.p, name.n);
	if (ns == NULL || copy == NULL) {
		free(ns);
		free(copy);
		return NULL;
	}
	ns->h = (struct sio_handle){&app_api, app};
	ns->base.name = (struct slice){copy, name.n};
	ns->base.chan = store_channel(ns->base.name, (struct slice){NULL, 0});
	HASH_ADD_KEYPTR(hh, app->namespaces, ns->base.name.p, name.n, ns);
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
app_set_handler(struct handler **table, const char *name, sio_handler *fn, void *user)
{
	size_t n = strlen(name);
	struct handler *at;

	HASH_FIND(hh, *table, name, n, at);
	if (at == NULL) {
		at = calloc(1, sizeof(*at));
		if (at == NULL)
			return -ENOMEM;
		at->name = strdup(name);
		if (at->name == NULL) {
			free(at);
			return -ENOMEM;
		}
		at->name_n = n;
		HASH_ADD_KEYPTR(hh, *table, at->name, n, at);
	}
	at->fn = fn;
	at->user = user;
	return 0;
}

/* Load the shared object; NULL after logging why not. */
static int (*load_entry(struct sio_app *app, const char *path))(sio_app *)
{
	union {
		void *object;
		int (*function)(sio_app *);
	} entry; /* ISO C has no cast from object to function pointer */
	const struct sio_abi *abi;

	app->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (app->library == NULL) {
		log_errx("application %s: %s", path, dlerror());
		return NULL;
	}
	abi = dlsym(app->library, "pollux_app_abi");
	entry.object = dlsym(app->library, "pollux_app");
	if (abi == NULL || entry.object == NULL) {
		log_errx("application %s: no %s in it: is it a Pollux application?", path,
		    abi == NULL ? "SIO_APP_ABI" : "pollux_app()");
		return NULL;
	}
	if (abi->number != SIO_ABI) {
		log_errx("application %s: built for ABI %d, this Pollux has %d: compile it again",
		    path, abi->number, SIO_ABI);
		return NULL;
	}
	if (abi->api_size > sizeof(struct sio_api)) {
		log_errx("application %s: built for a newer Pollux than this one", path);
		return NULL;
	}
	return entry.function;
}

static struct sio_app *
new_app(void)
{
	struct sio_app *app = calloc(1, sizeof(*app));

	if (app == NULL)
		return NULL;
	app->h = (struct sio_handle){&app_api, app};
	if (app_add_ns(app, SLICE("")) == NULL) {
		app_close(app);
		return NULL;
	}
	return app;
}

struct sio_app *
app_open_guest(void)
{
	struct sio_app *app = new_app();

	if (app != NULL)
		app->guest = true;
	return app;
}

struct sio_app *
app_open(const char *path)
{
	struct sio_app *app = new_app();
	int (*setup)(sio_app *);

	if (app == NULL)
		return NULL;
	if (path[0] == '\0')
		return app;
	setup = load_entry(app, path);
	if (setup == NULL)
		goto fail;
	if (setup(app) != 0) {
		log_errx("application %s: its pollux_app() failed", path);
		goto fail;
	}
	return app;
fail:
	app_close(app);
	return NULL;
}

void
app_set_hub(struct sio_app *app, struct hub *hub)
{
	app->hub = hub;
}

void
app_close(struct sio_app *app)
{
	struct sio_ns *ns, *next;

	if (app == NULL)
		return;
	HASH_ITER (hh, app->namespaces, ns, next) {
		HASH_DEL(app->namespaces, ns);
		free_handlers(&ns->events);
		free_handlers(&ns->acks);
		free_handlers(&ns->connection);
		free_handlers(&ns->disconnect);
		free_handlers(&ns->rest);
		free((void *)(uintptr_t)ns->base.name.p);
		free(ns);
	}
	app_free_arena(app);
	app_free_admission(&app->admission);
	buf_free(&app->packet);
	buf_free(&app->data);
	buf_free(&app->event);
	buf_free(&app->text);
	if (app->library != NULL)
		dlclose(app->library);
	free(app);
}
