#include "shared/hub/action_in.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/store/action_queue.h"
#include "shared/store/slots.h"

#define LOOK_MS   100
#define IDLE_MS   1000
#define ROWS_MAX  200               /* in one transaction */
#define BYTES_MAX ((size_t)4 << 20) /* after which no further row is read */
#define TRIES_MAX 3                 /* of a row with which the store fails */

struct action_rows {
	struct {
		int64_t id;
		char *json; /* owned; NULL: out of memory */
		size_t n;
	} at[ROWS_MAX];
	int n;
};

static void
add_action_row(void *arg, int64_t id, struct slice json)
{
	struct action_rows *rows = arg;
	int i = rows->n++;

	rows->at[i].id = id;
	rows->at[i].n = json.n;
	rows->at[i].json = malloc(json.n + 1);
	if (rows->at[i].json != NULL && json.n > 0)
		memcpy(rows->at[i].json, json.p, json.n);
}

static void
free_action_rows(struct action_rows *rows)
{
	for (int i = 0; i < rows->n; i++)
		free(rows->at[i].json);
}

static void
do_action_row(struct hub *h, int64_t id, struct slice json)
{
	struct action_in *a = &h->action_in;

	/* a row with which the store keeps failing must not block those after it for ever */
	if (id == a->stuck_row && a->tries >= TRIES_MAX) {
		log_limited(LOG_LEVEL_WARN,
		    "action_in: row %lld is skipped: the store failed %d times with it",
		    (long long)id, a->tries);
		return;
	}
	h->o.app.act(h->o.app.arg, id, json);
	if (h->failed) {
		a->tries = id == a->stuck_row ? a->tries + 1 : 1;
		a->stuck_row = id;
	}
}

/* Do rows up to the first that memory did not suffice for. */
static void
do_action_rows(struct hub *h, const struct action_rows *rows)
{
	int done = 0;

	for (; done < rows->n && rows->at[done].json != NULL && !h->failed; done++)
		do_action_row(
		    h, rows->at[done].id, (struct slice){rows->at[done].json, rows->at[done].n});
	/* noted in the transaction of their effects: they are done once, or not at all */
	if (!h->failed &&
	    (done == 0 || action_queue_note(h->store, rows->at[0].id, rows->at[done - 1].id) == -1))
		h->failed = true;
}

static bool
action_in_is_due(struct hub *h)
{
	struct action_in *a = &h->action_in;
	bool sessions = slots_sessions(store_slots(h->store)) > 0;

	/* the first session came while the leader was looking once a second */
	if (a->leader && !a->failed && sessions && a->next_look > h->now + LOOK_MS)
		a->next_look = h->now + LOOK_MS;
	if (!a->woken && h->now < a->next_look)
		return false;
	a->woken = a->failed = false;
	/* wake-ups come thousands a second: most of them cost the leader the look alone */
	if (!a->leader || h->now >= a->next_look) {
		a->leader = action_queue_lead(h->store);
		a->next_look = h->now + (a->leader && sessions ? LOOK_MS : IDLE_MS);
	}
	return a->leader;
}

int
action_in_run(struct hub *h)
{
	struct action_rows rows; /* 5 kB */

	rows.n = 0;
	if (h->o.no_app || h->o.app.act == NULL || !action_in_is_due(h) ||
	    !action_queue_has_changed(h->store))
		return 0;
	/* read before the transaction: no row must not cost the writer's lock */
	action_queue_list(h->store, ROWS_MAX, BYTES_MAX, add_action_row, &rows);
	if (rows.n > 0 && transaction_try(h) == -1) {
		action_queue_look_again(h->store);
		free_action_rows(&rows);
		return 0;
	}
	if (rows.n > 0 && transaction_open(h) == 0)
		do_action_rows(h, &rows);
	free_action_rows(&rows);
	return rows.n;
}

void
action_in_settled(struct hub *h, int rows, bool committed)
{
	struct action_in *a = &h->action_in;

	/* look again in any case: our own deletions are no change */
	action_queue_look_again(h->store);
	if (committed) {
		action_queue_settled(h->store);
		a->next_look = h->now; /* there may be more than ROWS_MAX */
		return;
	}
	log_limited(LOG_LEVEL_WARN, "action_in: the store failed; %d rows are tried again in %d ms",
	    rows, IDLE_MS);
	a->next_look = h->now + IDLE_MS;
	a->failed = true;
}

int64_t
action_in_next(const struct hub *h)
{
	return h->o.no_app || h->o.app.act == NULL ? INT64_MAX : h->action_in.next_look;
}
