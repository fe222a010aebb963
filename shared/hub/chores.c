/* What the housekeeper does in the application's name: answers that did not come in time, and ends
 * that programs without an application have asked for. */
#include <stdlib.h>
#include <string.h>

#include "shared/hub/internal.h"

/* In one go; the rest waits for the next second. */
#define OVERDUE_MAX 500
#define ASKED_MAX   100

/* --- answers -------------------------------------------------------------------------------- */

struct overdue {
	struct {
		int64_t key, id;
	} at[OVERDUE_MAX];
	int n;
};

static void
add_overdue(void *arg, int64_t key, int64_t id)
{
	struct overdue *list = arg;

	list->at[list->n].key = key;
	list->at[list->n].id = id;
	list->n++;
}

void
chores_overdue(struct hub *h)
{
	struct overdue list = {.n = 0};
	struct session *s;

	if (store_acks_due(h->store, h->now, OVERDUE_MAX, add_overdue, &list) < 1 ||
	    hub_transaction(h) == -1)
		return;
	for (int i = 0; i < list.n; i++)
		if (hub_find_key(h, list.at[i].key, &s) == HUB_LIVE)
			receive_answer(h, s, list.at[i].id, (struct slice){NULL, 0});
}

/* --- ends ----------------------------------------------------------------------------------- */

struct asked {
	struct {
		int64_t key;
		char *ns, *reason; /* owned */
	} at[ASKED_MAX];
	int n;
};

static void
add_asked(void *arg, int64_t key, struct slice ns, struct slice reason)
{
	struct asked *list = arg;
	int i = list->n++;

	list->at[i].key = key;
	list->at[i].ns = strndup(ns.p, ns.n);
	list->at[i].reason = strndup(reason.p, reason.n);
}

static void
end_as_asked(struct hub *h, int64_t key, const char *ns_name, const char *reason)
{
	struct session *s;
	struct hub_ns *ns = h->o.app.find(h->o.app.arg, slice_of(ns_name));

	if (store_asked_done(h->store, key, slice_of(ns_name)) == -1) {
		h->failed = true;
		return;
	}
	if (hub_find_key(h, key, &s) != HUB_LIVE)
		return;
	if (ns_name[0] == '\0')
		hub_end(h, s, reason, true);
	else if (ns != NULL)
		hub_kick(h, s, ns, reason);
}

void
chores_asked(struct hub *h)
{
	struct asked list = {.n = 0};

	slots_set_asked(store_slots(h->store), false);
	if (store_asked(h->store, ASKED_MAX, add_asked, &list) > 0 && hub_transaction(h) == 0)
		for (int i = 0; i < list.n; i++)
			if (list.at[i].ns != NULL && list.at[i].reason != NULL)
				end_as_asked(h, list.at[i].key, list.at[i].ns, list.at[i].reason);
	if (list.n == ASKED_MAX)
		slots_set_asked(store_slots(h->store), true);
	for (int i = 0; i < list.n; i++) {
		free(list.at[i].ns);
		free(list.at[i].reason);
	}
}
