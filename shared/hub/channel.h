/* channel: which sessions of this process are in a room or a namespace.
 *
 * Only sessions whose transport is held here are members.  A membership (struct sub) knows its
 * place in the channel, and the channel's entry knows the membership, so that joining and leaving
 * search nothing. */
#ifndef POLLUX_HUB_CHANNEL_H
#define POLLUX_HUB_CHANNEL_H

#include <stdint.h>

#include <uthash.h>

struct hub;
struct session;
struct sub;

struct channel_member {
	struct session *session;
	uint32_t sub; /* index in session->subs */
};

struct channel {
	int64_t chan;
	struct channel_member *members;
	uint32_t n, cap;
	UT_hash_handle hh; /* in hub->channels by chan */
};

/* The channel, or NULL when it has no member here. */
struct channel *channel_find(const struct hub *h, int64_t chan);

/* Make membership `index` of the session known to its channel, unless the session has left it.  Out
 * of memory: the turn fails. */
void channel_link(struct hub *h, struct session *s, uint32_t index);
void channel_unlink(struct hub *h, struct sub *sub);

/* The same for all memberships of a session, when its transport comes or goes. */
void channel_link_all(struct hub *h, struct session *s);
void channel_unlink_all(struct hub *h, struct session *s);

/* Rebuild the filter that tells other processes which channels have members here.  Under the
 * writer's lock: others add bits to it. */
void channel_refresh_filter(struct hub *h);

#endif
