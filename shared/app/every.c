/* Calls what the module has registered with sio_every().
 *
 * When each is due is in shared memory, by its place in the order of registration, which is the
 * same in every process: one that goes on for another keeps the period. */
#include <errno.h>
#include <stdio.h>

#include "shared/app/internal.h"
#include "shared/base/clock.h"
#include "shared/base/crash.h"
#include "shared/base/log.h"
#include "shared/store/store.h"

#define PERIOD_MIN_MS 10

int
every_add(sio_app *app, int ms, sio_tick *fn, void *user)
{
	if (app->base.hub != NULL || fn == NULL || ms < PERIOD_MIN_MS)
		return -EINVAL;
	if (app->every_n == TIMEKEEPER_TICKS)
		return -ENOSPC;
	app->every[app->every_n++] =
	    (struct every){.fn = fn, .user = user, .period_ms = ms, .wary = 1};
	return 0;
}

static void
call_every(struct sio_app *app, struct every *e)
{
	const struct store *store = hub_store(app->base.hub);
	unsigned failures = store_failures(store);
	struct session *before = app->base.current;
	struct crash_place place;
	char name[48];
	int64_t began = clock_coarse_ms();

	snprintf(name, sizeof(name), "sio_every(%lld)", (long long)e->period_ms);
	app->base.current = NULL;
	app->depth++;
	place = crash_enter("", name);
	e->fn(app, e->user);
	crash_leave(place);
	if (store_failures(store) != failures)
		application_fail(&app->base);
	dispatch_log_slow(name, NULL, began, &e->slow_logged_ms, &e->slow_n);
	app->base.current = before;
	if (--app->depth == 0)
		arena_free(app);
}

/* When it is due.  What is in memory may be of another module, or of an earlier boot. */
static int64_t
every_due(struct sio_app *app, unsigned i)
{
	_Atomic int64_t *due = timekeeper_tick(hub_store(app->base.hub), (int)i);
	int64_t latest = hub_now(app->base.hub) + app->every[i].period_ms;

	if (*due == 0 || *due > latest)
		*due = latest;
	return *due;
}

/* The one that is due first; `*due_ms` INT64_MAX: there is none. */
static unsigned
find_first(struct sio_app *app, int64_t *due_ms)
{
	unsigned first = 0;

	*due_ms = INT64_MAX;
	for (unsigned i = 0; i < app->every_n; i++) {
		int64_t due = every_due(app, i);

		if (due >= *due_ms)
			continue;
		*due_ms = due;
		first = i;
	}
	return first;
}

bool
every_run(void *arg, int64_t *next_ms)
{
	struct sio_app *app = module_of(arg);
	struct hub *hub = app->base.hub;
	int64_t now = hub_now(hub), due;
	unsigned first, opens;
	struct every *e;

	if (app->every_n == 0)
		return false;
	first = find_first(app, &due);
	e = &app->every[first];
	*next_ms = due;
	if (due > now)
		return false;
	/* as in dispatch.c: those that do not use the store go on while another program has it */
	if (e->wary > 0 && transaction_try(hub) == -1)
		return false;
	/* before the call, so that one by which the process dies is not called at once again; those
	 * that were missed are not made up for, and the rhythm stays */
	*timekeeper_tick(hub_store(hub), (int)first) =
	    due + ((now - due) / e->period_ms + 1) * e->period_ms;
	opens = hub_opens(hub);
	call_every(app, e);
	if (hub_opens(hub) != opens)
		e->wary = HANDLER_WARY;
	else if (e->wary > 0)
		e->wary--;
	find_first(app, next_ms);
	return true;
}
