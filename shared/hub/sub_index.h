/* sub_index: the memberships of a session by their channel, so that looking one up takes as long
 * with a thousand rooms as with one.
 *
 * The memberships are in an array (held.h), several of one channel when the session left it and
 * came back.  Only sessions with many get an index: `buckets` of the session begin chains that go
 * on in `next` of each membership.  Numbers are positions in the array + 1; 0 ends a chain. */
#ifndef POLLUX_HUB_SUB_INDEX_H
#define POLLUX_HUB_SUB_INDEX_H

#include <stdint.h>

struct session;
struct sub;

/* The next membership of this channel after `sub`; NULL: the first one.  NULL: there is none. */
struct sub *sub_index_next(const struct session *s, int64_t chan, const struct sub *sub);

/* The last of the array was added. */
void sub_index_add(struct session *s);

/* Membership `i` is about to be replaced by the last of the array, which becomes shorter by it. */
void sub_index_remove(struct session *s, uint32_t i);

#endif
