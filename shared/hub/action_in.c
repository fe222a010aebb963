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

	/* deleted in the transaction of its effects: it is done once, or not at all */
	if (action_queue_done(h->store, id) == -1) {
		h->failed = true;
		return;
	}
	/* a row with which the store keeps failing must not block those after it for ever */
	if (id == a->stuck_row && a->tries >= TRIES_MAX) {
		log_warnx("action_in: row %lld is skipped: the store failed %d times with it",
		    (long long)id, a->tries);
		return;
	}
	h->o.app.act(h->o.app.arg, id, json);
	if (h->failed) {
		a->tries = id == a->stuck_row ? a->tries + 1 : 1;
		a->stuck_row = id;
	}
}

static int
do_action_rows(struct hub *h)
{
	struct action_rows rows; /* 5 kB */
	int n;

	rows.n = 0;
	/* read before the transaction: an empty table must not cost the writer's lock; only the
	 * leader deletes rows */
	n = action_queue_list(h->store, ROWS_MAX, BYTES_MAX, add_action_row, &rows);
	if (n > 0 && transaction_open(h) == 0)
		for (int i = 0; i < rows.n && !h->failed; i++)
			if (rows.at[i].json != NULL)
				do_action_row(h, rows.at[i].id,
				    (struct slice){rows.at[i].json, rows.at[i].n});
	free_action_rows(&rows);
	return n > 0 ? n : 0;
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
	if (!a->leader) {
		a->leader = action_queue_lead(h->store);
		a->version = -1;
	}
	a->next_look = h->now + (a->leader && sessions ? LOOK_MS : IDLE_MS);
	return a->leader;
}

int
action_in_run(struct hub *h)
{
	struct action_in *a = &h->action_in;
	int64_t version;

	if (h->o.no_app || h->o.app.act == NULL || !action_in_is_due(h))
		return 0;
	/* taken before the look: what is committed meanwhile changes it again */
	version = store_data_version(h->store);
	if (version == a->version && version != -1)
		return 0;
	a->version = version;
	return do_action_rows(h);
}

void
action_in_settled(struct hub *h, int rows, bool committed)
{
	struct action_in *a = &h->action_in;

	/* look again in any case: our own deletions do not change the version */
	a->version = -1;
	if (committed) {
		a->next_look = h->now; /* there may be more than ROWS_MAX */
		return;
	}
	log_warnx("action_in: the store failed; %d rows are tried again in %d ms", rows, IDLE_MS);
	a->next_look = h->now + IDLE_MS;
	a->failed = true;
}

int64_t
action_in_next(const struct hub *h)
{
	return h->o.no_app || h->o.app.act == NULL ? INT64_MAX : h->action_in.next_look;
}
