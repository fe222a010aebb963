/* history: which rooms keep their last messages, and those messages (shared/store/room_history.h).
 *
 * A room is kept if the configuration names it, from when it is first joined or sent to, or if a
 * join has asked for its history.  A filter in shared memory says which are: a message to any other
 * room costs two loads.  A message to a kept room is written in the turn's transaction, which is
 * open before it is decided who gets it.  A session that joins takes a transaction too; so it has
 * the message by its history or hears it, and never both.
 *
 * Functions that return int return 0, or -1: the turn is lost; unless they say otherwise. */
#ifndef POLLUX_HUB_HISTORY_H
#define POLLUX_HUB_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct hub;
struct room_history;

/* Make known which rooms are kept.  0, or -1 after logging why. */
int history_load(struct hub *h);

/* A room is joined or sent to: from now on it is kept, if the configuration says so, or if a join
 * asks for `asked` messages (> 0).  `chan` is its channel.
 * 1, with its row in `*r`: it is kept; 0: it is not; -1.  With `r` NULL, 0 may mean that it was
 * kept before. */
int history_note(struct hub *h, struct slice ns, struct slice room, int64_t chan, int asked,
    struct room_history *r);

/* The same as another node has said, which tells all nodes itself. */
int history_note_elsewhere(
    struct hub *h, struct slice ns, struct slice room, int64_t chan, int64_t asked);

/* A packet is about to be sent to the channel.  1, with a transaction open and the row of the room
 * in `*r`: history_add() it; 0: it is not to be kept; -1. */
int history_find(struct hub *h, int64_t chan, struct slice packet, struct room_history *r);
int history_add(struct hub *h, struct room_history *r, const int64_t *except, size_t except_n,
    struct slice packet);

/* Append the room's last `n` messages to `texts`, as pack_text() writes them, without those that
 * the session `key` was left out of. */
int history_read(
    struct hub *h, const struct room_history *r, int64_t n, int64_t key, struct buf *texts);

/* Between transactions, may open one: as the process that does the maintenance, drop what is too
 * old or too much. */
void history_maintain(struct hub *h);
/* The same: look whether the configuration is another one than before. */
void history_check_configuration(struct hub *h);

#endif
