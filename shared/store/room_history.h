/* room_history: the last messages of rooms, for sessions that join them later.
 *
 * A room has a row from when it is first kept on, and its messages are numbered in the order of
 * their commits.  Times are ms since 1970, and the tables outlive the boot (carried.h).
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  Writers need an open
 * transaction.  `each` must not use the store. */
#ifndef POLLUX_ROOM_HISTORY_H
#define POLLUX_ROOM_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

#define ROOM_HISTORY_NAME_MAX 256

/* The row of a room. */
struct room_history {
	int64_t chan;
	struct slice ns, room;     /* point into `names`, or are borrowed from the caller */
	int64_t configured, asked; /* how many messages are kept, at least */
	int64_t first, next;       /* numbers of the oldest message and of the next one */
	int64_t bytes;
	char names[2 * ROOM_HISTORY_NAME_MAX];
};

/* Find the row of a room.  1, or 0: it has none; or -1. */
int room_history_find(struct store *st, int64_t chan, struct room_history *r);

/* Make the row of a room, or change how much is kept; a smaller `asked` changes nothing. */
int room_history_put(struct store *st, const struct room_history *r, int64_t now);

struct room_history_message {
	int64_t except_key;       /* as in struct message_row */
	struct slice except_more; /* borrowed, as the payload */
	struct slice payload;
};

/* How much is kept of one room. */
struct room_history_limits {
	int64_t messages, bytes;
};

/* Add a message to the room, which was just found, and drop its oldest ones that are too many.
 * 1, or 0: the message alone is too long, and was not added; or -1. */
int room_history_add(struct store *st, struct room_history *r, const struct room_history_message *m,
    const struct room_history_limits *limits, int64_t now);

/* Call `each` for the room's last `n` messages, in order. */
typedef void room_history_each(void *arg, const struct room_history_message *m);
int room_history_read(
    struct store *st, const struct room_history *r, int64_t n, room_history_each *each, void *arg);

/* Call `each` for every room; of its row: chan, names, configured and asked. */
int room_history_list(
    struct store *st, void (*each)(void *arg, const struct room_history *r), void *arg);
/* Set how much the configuration has kept of it. */
int room_history_configure(struct store *st, int64_t chan, int64_t n);

struct room_history_total {
	int64_t rooms, bytes;
};
int room_history_total(struct store *st, struct room_history_total *total);

/* Note of at most `max` rooms last used before `before` that they are in use: somebody is in them.
 */
int room_history_touch(struct store *st, int64_t before, int max, int64_t now);
/* Drop at most `max` of the rooms that nobody is in and that were last used before `before`, those
 * of the longest ago first.  Return how many, or -1. */
int room_history_expire(struct store *st, int64_t before, int max);
/* Drop the messages of those rooms that were used the longest ago, of at most `max` rooms, until
 * `bytes` are free; the rooms too if nobody is in them.  Return of how many rooms, or -1. */
int room_history_free(struct store *st, int64_t bytes, int max);
/* Drop a room. */
int room_history_drop(struct store *st, int64_t chan);

#endif
