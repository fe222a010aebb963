#include "shared/hub/hub.h"

#include <errno.h>
#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/hub/drain.h"
#include "shared/hub/history.h"
#include "shared/hub/internal.h"
#include "shared/store/message_log.h"
#include "shared/store/slots.h"

struct hub *
hub_open(const struct hub_options *options)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->o = *options;
	LIST_INIT(&h->ready);
	SLIST_INIT(&h->visits);
	STAILQ_INIT(&h->newcomers);
	h->store = store_open(options->folder, options->group == NULL ? "" : options->group,
	    options->kind, options->no_app);
	/* what was sent before us concerns no session held here */
	if (h->store == NULL || message_log_head(h->store, &h->head) == -1 ||
	    history_load(h) == -1) {
		int reason = errno;

		hub_close(h);
		errno = reason;
		return NULL;
	}
	/* a command may not have been told where the configuration is */
	if (h->o.no_app && slots_link_slot(store_slots(h->store)) != -1)
		h->o.cluster = true;
	h->traced = log_enabled(LOG_LEVEL_TRACE);
	h->watching = slots_watcher_count(store_slots(h->store));
	slots_set_head(store_slots(h->store), h->head);
	transaction_set_mark(h);
	part_settle(&h->parts); /* 0 is no part */
	return h;
}

void
hub_reload(struct hub *h, const struct hub_options *options)
{
	struct hub_options *o = &h->o;

	o->polling_duration_ms = options->polling_duration_ms;
	o->bad_packets = options->bad_packets;
	o->queue_packets = options->queue_packets;
	o->queue_bytes = options->queue_bytes;
	o->early_packets = options->early_packets;
	o->early_bytes = options->early_bytes;
	o->early_timeout_ms = options->early_timeout_ms;
	o->sessions = options->sessions;
	o->sessions_per_address = options->sessions_per_address;
	o->address_share_from = options->address_share_from;
	o->address_share = options->address_share;
	o->log_bytes = options->log_bytes;
	o->rooms_per_session = options->rooms_per_session;
	o->data_per_session = options->data_per_session;
	o->acks_per_session = options->acks_per_session;
	o->mailbox_messages = options->mailbox_messages;
	o->mailbox_bytes = options->mailbox_bytes;
	o->mailbox_total_bytes = options->mailbox_total_bytes;
	o->mailbox_ms = options->mailbox_ms;
	o->history = options->history;
	o->history_messages = options->history_messages;
	o->history_bytes = options->history_bytes;
	o->history_total_bytes = options->history_total_bytes;
	o->history_rooms = options->history_rooms;
	o->history_time_ms = options->history_time_ms;
	h->history.recheck = true;
	o->timers_per_session = options->timers_per_session;
	o->link_bytes = options->link_bytes;
	h->traced = log_enabled(LOG_LEVEL_TRACE);
}

void
hub_close(struct hub *h)
{
	int64_t next;

	if (h == NULL)
		return;
	if (h->store != NULL) {
		timers_leave(h);
		hub_turn_end(h, &next); /* commit what the program did while it ended */
		held_free_all(h);
		ring_free(&h->ring);
	}
	drain_forget(h);
	free(h->parts.lost);
	buf_free(&h->presence);
	buf_free(&h->linked);
	store_close(h->store);
	free(h);
}

struct store *
hub_store(struct hub *h)
{
	return h->store;
}

int64_t
hub_now(const struct hub *h)
{
	return h->now;
}

bool
hub_waits(const struct hub *h)
{
	return h->taken_since != 0;
}

unsigned
hub_opens(const struct hub *h)
{
	return h->opens;
}

unsigned
hub_held(const struct hub *h)
{
	return h->held;
}

int
hub_wake_fd(const struct hub *h)
{
	return store_wake_fd(h->store);
}

bool
hub_is_outdated(const struct hub *h)
{
	return store_is_outdated(h->store);
}

void
hub_show_own(struct hub *h, int64_t key, struct slice packet)
{
	show_watchers(h, WATCH_OWN, key, packet);
}
