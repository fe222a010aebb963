#include "linkd/nodes.h"

#include <signal.h>
#include <stdlib.h>

#include "linkd/dispatch.h"
#include "linkd/members.h"
#include "linkd/registry.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/hub/mail.h"
#include "shared/hub/session_remote.h"
#include "shared/store/link_node.h"
#include "shared/store/slots.h"

/* All processes let go of their void sessions when they are woken, or within a second; until then
 * they would hand on to them what comes for new ones, and what came meanwhile would be missing. */
#define ANEW_AFTER_MS 1500

struct nodes_item {
	STAILQ_ENTRY(nodes_item) next;
	enum nodes_event event;
	int number;
	bool is_done; /* in this turn */
};

/* Our sessions have ended for all others: let go of them, too. */
static bool
nodes_give_up(struct linkd *l)
{
	int more = session_remote_begin_anew(l->hub);

	if (more == -1)
		transaction_fail(l->hub);
	else
		members_want_all(l);
	return more == 0;
}

/* A node lives, or lives again.  If it ran before us it knows what was delivered while we were
 * away: what we had of that goes, and comes again from there. */
static void
nodes_meet(struct linkd *l, int number)
{
	const struct node_text *theirs = registry_text(l->registry, number);

	dispatch_node_up(l, number);
	if (theirs != NULL && theirs->counter > registry_own_text(l->registry)->counter &&
	    mail_drop_shared(l->hub) == 0)
		members_want(l, number);
}

void
nodes_note(struct linkd *l, enum nodes_event event, int number)
{
	struct nodes_item *item = calloc(1, sizeof(*item));

	if (item == NULL) {
		log_errx("no memory to note what became of a node; this process ends");
		ev_feed_signal_event(l->loop, SIGTERM);
		return;
	}
	item->event = event;
	item->number = number;
	STAILQ_INSERT_TAIL(&l->nodes, item, next);
}

bool
nodes_wait(const struct linkd *l)
{
	return !STAILQ_EMPTY(&l->nodes);
}

/* False: it is not all done yet, and goes on in the next turn. */
static bool
nodes_do(struct linkd *l, const struct nodes_item *item)
{
	struct slots *sl = store_slots(hub_store(l->hub));

	switch (item->event) {
	case NODES_UP:
		slots_link_set_lives(sl, item->number, true);
		nodes_meet(l, item->number);
		break;
	case NODES_RESTARTED:
		dispatch_node_restarted(l, item->number);
		break;
	case NODES_GAP:
		dispatch_gap(l, item->number);
		break;
	case NODES_LOST:
	case NODES_LOST_TELL:
		slots_link_set_lives(sl, item->number, false);
		if (link_node_lose(hub_store(l->hub), item->number, l->now) == -1)
			transaction_fail(l->hub);
		dispatch_node_lost(l, item->number, item->event == NODES_LOST_TELL);
		break;
	case NODES_GIVEN_UP:
		return nodes_give_up(l);
	}
	return true;
}

void
nodes_run(struct linkd *l)
{
	struct nodes_item *item;

	if (STAILQ_EMPTY(&l->nodes) || !server_try(l->sv) || transaction_open(l->hub) == -1)
		return;
	STAILQ_FOREACH (item, &l->nodes, next) {
		item->is_done = item->is_done || nodes_do(l, item);
		if (!item->is_done)
			break;
	}
}

void
nodes_settled(struct linkd *l, bool committed)
{
	struct nodes_item *item, *next;

	for (item = STAILQ_FIRST(&l->nodes); item != NULL; item = next) {
		next = STAILQ_NEXT(item, next);
		if (item->is_done && committed) {
			STAILQ_REMOVE_HEAD(&l->nodes, next); /* all before it are done, too */
			if (item->event == NODES_GIVEN_UP)
				l->anew_at = l->now + ANEW_AFTER_MS;
			free(item);
		} else {
			item->is_done = false;
		}
	}
}

void
nodes_close(struct linkd *l)
{
	struct nodes_item *item;

	while ((item = STAILQ_FIRST(&l->nodes)) != NULL) {
		STAILQ_REMOVE_HEAD(&l->nodes, next);
		free(item);
	}
}
