#include "shared/hub/timers.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/store/slots.h"
#include "shared/store/timekeeper.h"
#include "shared/store/timer_row.h"

#define LEAD_MS    1000 /* leading is tried this often */
#define AGAIN_MS   1000 /* after the store has failed */
#define TIMERS_MAX 200  /* in one transaction */
#define HOLD_MS    20   /* after that others get the store before the next timer */
#define CRASHES    3    /* of processes that call a timer, and it is dropped */

/* --- who does it ---------------------------------------------------------------------------- */

/* A web server may end a FastCGI process at any time, so another kind of program comes first. */
static bool
should_wait(const struct hub *h)
{
	return h->o.prefers_kind != 0 &&
	       slots_any_of_kind(store_slots(h->store), h->o.prefers_kind);
}

static void
try_to_keep_time(struct hub *h)
{
	struct timers *t = &h->timers;
	bool is_first = t->next_lead == 0;

	if (t->leads || t->leaves || h->o.no_app)
		return;
	if (h->now < t->next_lead && (h->o.prefers_kind != 0 || !timekeeper_is_absent(h->store)))
		return;
	t->next_lead = h->now + LEAD_MS;
	/* the other one has its chance until the next try */
	if (is_first && should_wait(h))
		return;
	t->leads = timekeeper_lead(h->store);
	if (!t->leads)
		return;
	t->has_ticks = false;
	t->next_tick = 0;
	timekeeper_set_due(h->store, 0);
}

/* Whether this node has the ticks.  While the others may take it for dead, it has not: they go on.
 */
static bool
node_has_ticks(const struct hub *h)
{
	const struct slots *sl = store_slots(h->store);
	int number, lowest;

	if (!h->o.cluster)
		return true;
	number = slots_link_number(sl);
	lowest =
	    slots_link_next(sl, 0); /* dear when there is none: not in each turn of one alone */
	if (number == LINK_NOBODY || (lowest != -1 && lowest < number) ||
	    h->now - slots_link_beat(sl) >= h->o.link_timeout_ms)
		return false;
	/* one that has just started may not know the others yet */
	return h->timers.has_ticks || slots_link_knows_all(sl);
}

/* --- timers of sessions --------------------------------------------------------------------- */

struct due_timers {
	struct {
		int64_t key;
		char *ns, *name; /* owned */
	} at[TIMERS_MAX];
	int n;
};

static void
add_due_timer(void *arg, int64_t key, struct slice ns, struct slice name)
{
	struct due_timers *due = arg;
	int i = due->n++;

	due->at[i].key = key;
	due->at[i].ns = strndup(ns.p, ns.n);
	due->at[i].name = strndup(name.p, name.n);
}

/* Call the application, unless that has killed one process after another: the row of the timer is
 * there again each time. */
static void
call_handler_of(
    struct hub *h, struct hub_ns *ns, struct session *s, struct slice name, struct slice context)
{
	int64_t key = s->row.key;

	if (timekeeper_crashes(h->store, key) >= CRASHES)
		log_warnx("application: timer \"%s\" of namespace \"%s\" is dropped: %d "
			  "processes have died while they called it",
		    name.p, ns->name.p, CRASHES);
	timekeeper_set_calling(h->store, key);
	if (timekeeper_crashes(h->store, key) < CRASHES)
		h->o.app.timer(h->o.app.arg, ns, s, name, context);
	timekeeper_set_calling(h->store, 0);
}

static void
call_timer(struct hub *h, int64_t key, struct slice ns_name, struct slice name)
{
	struct hub_ns *ns = h->o.app.find(h->o.app.arg, ns_name);
	struct session *s;
	char *context;

	/* the one before may have dropped it, or set it anew */
	switch (timer_row_take(h->store, key, ns_name, name, h->now, &context)) {
	case STORE_OK:
		if (ns != NULL && h->o.app.timer != NULL &&
		    session_find_key(h, key, &s) == SESSION_LIVE && membership_hears(s, ns))
			call_handler_of(h, ns, s, name, slice_of(context));
		break;
	case STORE_NOT_FOUND:
		break;
	default:
		h->failed = true;
		break;
	}
	free(context);
}

/* Call as many as there is time for. */
static void
call_timers(struct hub *h, const struct due_timers *due)
{
	int64_t begun = clock_coarse_ms();

	for (int i = 0; i < due->n && !h->failed; i++) {
		if (i > 0 && clock_coarse_ms() - begun >= HOLD_MS)
			return;
		if (due->at[i].ns == NULL || due->at[i].name == NULL)
			h->failed = true;
		else
			call_timer(
			    h, due->at[i].key, slice_of(due->at[i].ns), slice_of(due->at[i].name));
	}
}

bool
timers_are_due(struct hub *h)
{
	struct timers *t = &h->timers;

	try_to_keep_time(h);
	return t->leads && h->now >= t->again && h->now >= timekeeper_due(h->store);
}

bool
timers_run(struct hub *h)
{
	struct due_timers due;
	int64_t next = INT64_MAX;

	due.n = 0;
	/* under the writer's lock: whoever sets a timer meanwhile tells when it is due, and that
	 * must not be lost on us */
	if (transaction_open_now(h) == -1)
		return h->failed;
	if (timer_row_list_due(h->store, h->now, TIMERS_MAX, add_due_timer, &due) == -1)
		h->failed = true;
	call_timers(h, &due);
	if (h->failed || timer_row_next(h->store, &next) == -1)
		h->failed = true;
	else
		timekeeper_set_due(h->store, next);
	for (int i = 0; i < due.n; i++) {
		free(due.at[i].ns);
		free(due.at[i].name);
	}
	return true;
}

void
timers_settle(struct hub *h, bool committed)
{
	if (committed)
		return;
	timekeeper_set_due(h->store, 0); /* what it was is of the turn that was rolled back */
	h->timers.again = h->now + AGAIN_MS;
}

/* --- ticks ---------------------------------------------------------------------------------- */

bool
timers_tick(struct hub *h)
{
	struct timers *t = &h->timers;

	if (!t->leads || h->o.app.tick == NULL)
		return false;
	t->has_ticks = node_has_ticks(h);
	t->next_tick = INT64_MAX;
	return t->has_ticks && h->o.app.tick(h->o.app.arg, &t->next_tick);
}

int64_t
timers_next(const struct hub *h)
{
	const struct timers *t = &h->timers;
	int64_t due = INT64_MAX;

	/* a lock that is waited for wakes us: transaction_next_try() */
	if (!t->leads || h->taken_since != 0)
		return due;
	due = timekeeper_due(h->store);
	if (due < t->again)
		due = t->again;
	return t->next_tick < due ? t->next_tick : due;
}

void
timers_leave(struct hub *h)
{
	h->timers.leaves = true;
	if (h->timers.leads)
		timekeeper_resign(h->store);
	h->timers.leads = false;
}
