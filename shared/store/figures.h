/* figures: what there is at one time, and what has happened so far, for the metrics, pollux stats
 * and top, and the status page: all of them show the same.  What the database tells beside it is in
 * listing.h, and the places of held requests in places.h. */
#ifndef POLLUX_FIGURES_H
#define POLLUX_FIGURES_H

#include <stdint.h>

#include "shared/store/counters.h"
#include "shared/store/room_history.h"

struct store;

struct figures {
	struct counters counters;
	int64_t hook_events, hook_bytes;         /* that wait for the web hook */
	int64_t hook_dead;                       /* events in hook_dead */
	int64_t log_bytes;                       /* of the messages in the log */
	int64_t mailbox_messages, mailbox_bytes; /* kept for users who are away */
	int64_t users;                           /* who have a session, in the whole cluster */
	struct room_history_total history;       /* of rooms, on this node */
	int64_t database_bytes;                  /* of the file pollux.db */
	int64_t wal_bytes;                       /* of its write-ahead log */
};

/* Read them: some statements, of which one looks at each user. */
int figures_collect(struct store *st, struct figures *f);

/* The memory of a process that is in use, in bytes; -1: it is gone, or /proc does not say. */
int64_t figures_resident(int pid);

#endif
