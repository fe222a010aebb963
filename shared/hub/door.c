/* The table action_in: actions by SQL (docs/publish.md).
 *
 * One process, the doorkeeper, does all of them, so that they are done in their order and nobody
 * queues for the writer's lock in vain.  It looks when it is woken, and every 100 ms as long as
 * there are sessions, since whoever writes SQL may not know of wake-ups; a look costs a few
 * microseconds when nothing has been committed.  When it dies, the next process that is woken, or
 * that has its turn within a second, takes its place. */
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"

#define LOOK_MS   100
#define IDLE_MS   1000
#define ROWS_MAX  200               /* in one transaction */
#define BYTES_MAX ((size_t)4 << 20) /* after which no further row is read */
#define TRIES_MAX 3                 /* of a row with which the store fails */

struct rows {
	struct {
		int64_t id;
		char *json; /* owned */
		size_t n;
	} at[ROWS_MAX];
	int n;
};

static void
add_row(void *arg, int64_t id, struct slice json)
{
	struct rows *rows = arg;
	int i = rows->n++;

	rows->at[i].id = id;
	rows->at[i].n = json.n;
	rows->at[i].json = malloc(json.n + 1);
	if (rows->at[i].json != NULL && json.n > 0)
		memcpy(rows->at[i].json, json.p, json.n);
}

static void
free_rows(struct rows *rows)
{
	for (int i = 0; i < rows->n; i++)
		free(rows->at[i].json);
}

static void
act(struct hub *h, int64_t id, struct slice json)
{
	if (store_action_done(h->store, id) == -1) {
		h->failed = true;
		return;
	}
	if (id == h->door.stuck && h->door.tries >= TRIES_MAX) {
		log_warnx("action_in: row %lld is given up", (long long)id);
		return;
	}
	h->o.app.act(h->o.app.arg, id, json);
	if (h->failed) {
		h->door.tries = id == h->door.stuck ? h->door.tries + 1 : 1;
		h->door.stuck = id;
	}
}

/* Do what is there, in a transaction of its own.  True: there may be more. */
static bool
act_all(struct hub *h, int (*settle)(struct hub *h))
{
	static struct rows rows; /* of the one context of this process; too big for the stack */
	int n;

	rows.n = 0;
	n = store_actions(h->store, ROWS_MAX, BYTES_MAX, add_row, &rows);
	if (n > 0 && hub_transaction(h) == 0)
		for (int i = 0; i < rows.n && !h->failed; i++)
			if (rows.at[i].json != NULL)
				act(h, rows.at[i].id,
				    (struct slice){rows.at[i].json, rows.at[i].n});
	free_rows(&rows);
	if (n <= 0)
		return false;
	if (settle(h) == -1) {
		log_warnx("action_in: %d rows could not be done now", n);
		h->door.next = h->now + IDLE_MS;
		h->door.version = -1;
		h->door.failed = true;
		return false;
	}
	return true;
}

int64_t
door_look(struct hub *h, int (*settle)(struct hub *h))
{
	struct door *d = &h->door;
	int64_t version;

	if (h->o.guest || h->o.app.act == NULL)
		return INT64_MAX;
	if (d->ours && !d->failed && slots_sessions(store_slots(h->store)) > 0 &&
	    d->next > h->now + LOOK_MS)
		d->next = h->now + LOOK_MS; /* the first session has come */
	if (!d->knocked && h->now < d->next)
		return d->next;
	d->knocked = d->failed = false;
	if (!d->ours) {
		d->ours = store_doorkeeper(h->store);
		d->version = -1;
	}
	d->next =
	    h->now + (d->ours && slots_sessions(store_slots(h->store)) > 0 ? LOOK_MS : IDLE_MS);
	if (!d->ours)
		return d->next;
	version = store_version(h->store);
	if (version == d->version && version != -1)
		return d->next;
	d->version = version;
	if (act_all(h, settle)) {
		d->version = -1;
		d->next = h->now; /* our own deletions do not change the version */
	}
	return d->next;
}
