#include "linkd/link.h"

#include "linkd/inbox.h"
#include "linkd/nodes.h"
#include "linkd/outbox.h"
#include "linkd/redis.h"
#include "linkd/registry.h"
#include "linkd/roster.h"
#include "shared/base/log.h"
#include "shared/hub/hub.h"
#include "shared/store/slots.h"

static struct slots *
linkd_link_slots(const struct linkd *l)
{
	return store_slots(hub_store(l->hub));
}

static void
linkd_link_on_up(void *arg)
{
	struct linkd *l = arg;

	slots_link_set_up(linkd_link_slots(l), true);
	if (registry_number(l->registry) != -1)
		inbox_set_number(l->inbox, registry_number(l->registry));
	registry_look(l->registry);
}

static void
linkd_link_on_down(void *arg)
{
	struct linkd *l = arg;

	slots_link_set_up(linkd_link_slots(l), false);
	registry_down(l->registry);
	outbox_down(l->outbox);
	inbox_down(l->inbox);
}

static void
linkd_link_on_number(void *arg, int number)
{
	struct linkd *l = arg;

	slots_link_set_number(linkd_link_slots(l), number);
	inbox_set_number(l->inbox, number);
}

static void
linkd_link_on_node(void *arg, enum liveness_event event, int number)
{
	nodes_note(arg, event == LIVENESS_UP ? NODES_UP : NODES_RESTARTED, number);
}

static void
linkd_link_on_lost(void *arg, int number, bool won)
{
	nodes_note(arg, won ? NODES_LOST_TELL : NODES_LOST, number);
}

static void
linkd_link_on_given_up(void *arg)
{
	nodes_note(arg, NODES_GIVEN_UP, -1);
}

static void
linkd_link_on_emptied(void *arg)
{
	struct linkd *l = arg;

	for (int i = 0; i < NODE_NUMBERS; i++)
		if (registry_is_alive(l->registry, i))
			nodes_note(l, NODES_GAP, i);
}

/* --- the turn ------------------------------------------------------------------------------- */

void
linkd_link_run(struct linkd *l)
{
	nodes_run(l);
	outbox_run(l->outbox);
	roster_run(l->roster);
}

void
linkd_link_settled(struct linkd *l, bool committed)
{
	nodes_settled(l, committed);
	roster_settled(l->roster, committed);
	outbox_settled(l->outbox, committed);
	inbox_settled(l->inbox, committed);
}

void
linkd_link_ship(struct linkd *l)
{
	outbox_ship_waiting(l->outbox);
}

int64_t
linkd_link_due(const struct linkd *l)
{
	return nodes_wait(l) ? l->now : outbox_due(l->outbox);
}

bool
linkd_link_is_idle(const struct linkd *l)
{
	return outbox_is_idle(l->outbox);
}

static void
linkd_link_on_second(struct ev_loop *loop, struct ev_timer *timer, int events)
{
	struct linkd *l = timer->data;

	(void)loop;
	(void)events;
	if (l->anew_at != 0 && l->now >= l->anew_at) {
		l->anew_at = 0;
		registry_begin_anew(l->registry);
	}
	outbox_measure(l->outbox);
	inbox_tick(l->inbox);
	roster_wake(l->roster);
	slots_link_set_counter(linkd_link_slots(l), LINK_COUNT_COMMANDS, redis_sent(l->redis));
}

/* --- opening -------------------------------------------------------------------------------- */

void
linkd_link_publish(struct linkd *l)
{
	struct slots *sl = linkd_link_slots(l);

	slots_link_set_number(sl, registry_number(l->registry));
	slots_link_set_up(sl, redis_is_up(l->redis));
	/* under the writer's lock, in a turn of its own */
	for (int i = 0; i < NODE_NUMBERS; i++)
		if (registry_is_alive(l->registry, i) != slots_link_lives(sl, i))
			nodes_note(l, registry_is_alive(l->registry, i) ? NODES_UP : NODES_LOST, i);
}

int
linkd_link_open(struct linkd *l)
{
	const struct redis_options redis = {
	    .loop = l->loop,
	    .url = &l->url,
	    .name = "pollux-linkd",
	    .on_up = linkd_link_on_up,
	    .on_down = linkd_link_on_down,
	    .arg = l,
	};
	const struct registry_events events = {
	    .on_number = linkd_link_on_number,
	    .on_node = linkd_link_on_node,
	    .on_lost = linkd_link_on_lost,
	    .on_given_up = linkd_link_on_given_up,
	    .on_emptied = linkd_link_on_emptied,
	    .arg = l,
	};

	STAILQ_INIT(&l->nodes);
	slots_link_set_up(linkd_link_slots(l), false);
	l->redis = redis_open(&redis);
	l->registry = l->redis == NULL ? NULL : registry_open(l, &events);
	l->outbox = outbox_open(l);
	l->inbox = inbox_open(l);
	l->roster = roster_open(l);
	if (l->registry != NULL && l->outbox != NULL && l->inbox != NULL && l->roster != NULL) {
		ev_timer_init(&l->second, linkd_link_on_second, 1., 1.);
		l->second.data = l;
		ev_timer_start(l->loop, &l->second);
		return 0;
	}
	log_errx("the link to the other nodes cannot be opened");
	return -1;
}

void
linkd_link_close(struct linkd *l)
{
	if (l->redis != NULL)
		slots_link_set_up(linkd_link_slots(l), false);
	if (l->second.data != NULL)
		ev_timer_stop(l->loop, &l->second);
	redis_close(l->redis);
	inbox_close(l->inbox);
	roster_close(l->roster);
	outbox_close(l->outbox);
	registry_close(l->registry);
	nodes_close(l);
}
