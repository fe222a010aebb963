#include "shared/app/module.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "shared/app/internal.h"
#include "shared/base/crash.h"
#include "shared/base/log.h"

/* The application of `make bundle APP=`, whose pollux_app() is part of this program.  Usually there
 * is none, and both are NULL. */
extern int linked_app(sio_app *app) __asm__("pollux_app") __attribute__((weak));
extern const struct sio_abi linked_abi __asm__("pollux_app_abi") __attribute__((weak));

bool
module_is_linked(void)
{
	return &linked_abi != NULL;
}

/* Load the shared object and find its entry.  NULL after logging why. */
static int (*load_entry(struct sio_app *app, const char *path))(sio_app *)
{
	union {
		void *object;
		int (*function)(sio_app *);
	} entry; /* ISO C has no cast from object to function pointer */
	const struct sio_abi *abi;
	struct crash_place place;

	if (module_is_linked()) {
		log_errx("[app] module: this program has an application of its own (make bundle "
			 "APP=), and loads no other: remove the line");
		return NULL;
	}
	place = crash_enter("", "loading");
	/* this runs what the module has as constructors */
	app->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	crash_leave(place);
	if (app->library == NULL) {
		log_errx("application %s: %s", path, dlerror());
		return NULL;
	}
	abi = dlsym(app->library, "pollux_app_abi");
	entry.object = dlsym(app->library, "pollux_app");
	if (abi == NULL || entry.object == NULL) {
		log_errx("application %s: %s is missing: is it a Pollux application?", path,
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

static void
close_module(struct application *base)
{
	struct sio_app *app = module_of(base);

	handlers_free(app);
	arena_free(app);
	admission_free(&app->admission);
	buf_free(&app->event);
	buf_free(&app->text);
	buf_free(&app->except);
	application_free(&app->base);
	if (app->library != NULL)
		dlclose(app->library);
	free(app);
}

static struct ns *
add_module_ns(struct application *base, struct slice name)
{
	struct sio_ns *ns = handlers_add_ns(module_of(base), name);

	return ns == NULL ? NULL : &ns->base;
}

static bool
module_authorizes(const struct application *base)
{
	return container_of(base, const struct sio_app, base)->authorize != NULL;
}

static const struct application_ops module_ops = {
    .hub =
	{
	    .authorize = dispatch_authorize,
	    .authorize_ns = dispatch_authorize_ns,
	    .created = dispatch_created,
	    .connected = dispatch_connected,
	    .disconnected = dispatch_disconnected,
	    .received = dispatch_received,
	    .answered = dispatch_answered,
	    .user_changed = dispatch_user_changed,
	    .timer = dispatch_timer,
	    .tick = every_run,
	    .act = action_run_row,
	},
    .add_ns = add_module_ns,
    .close = close_module,
    .authorizes = module_authorizes,
    .run = verdict_run,
    .settled = verdict_settled,
    .stop = verdict_stop,
    .ask = verdict_hold,
    .cancel = verdict_cancel,
    .ruled = verdict_ruled,
};

int
module_check(const char *path)
{
	struct sio_app app = {.library = NULL};
	bool good = load_entry(&app, path) != NULL;

	if (app.library != NULL)
		dlclose(app.library);
	return good ? 0 : -1;
}

struct application *
module_open(const char *path, const char *node)
{
	struct sio_app *app = calloc(1, sizeof(*app));
	int (*setup)(sio_app *), result;
	struct crash_place place;

	if (app == NULL)
		return NULL;
	application_init(&app->base, &module_ops);
	app->h = (struct sio_handle){&api_functions, app};
	app->node = node;
	TAILQ_INIT(&app->questions);
	if (handlers_add_ns(app, SLICE("")) == NULL)
		goto fail;
	if (path[0] == '\0' && !module_is_linked())
		return &app->base;
	setup = path[0] == '\0' ? linked_app : load_entry(app, path);
	if (setup == NULL)
		goto fail;
	place = crash_enter("", "pollux_app");
	result = setup(app);
	crash_leave(place);
	if (result != 0) {
		log_errx("application %s: its pollux_app() failed",
		    path[0] == '\0' ? "of this program" : path);
		goto fail;
	}
	return &app->base;
fail:
	application_close(&app->base);
	return NULL;
}
