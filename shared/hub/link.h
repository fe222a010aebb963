/* link: what the hub tells the other nodes of the cluster, and hears from them.
 *
 * A session has one home, where its row, its queue and its transport are; on the other nodes it is
 * a remote session: a row with a home (shared/store/remote.h).  What is done to a remote session
 * goes to its home as a row of link_out, in the turn's transaction; what becomes of our own
 * sessions goes to all nodes in the same way (presence).
 *
 * Functions that return int return 0, or -1: the turn is lost. */
#ifndef POLLUX_HUB_LINK_H
#define POLLUX_HUB_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/hub/hub.h"
#include "shared/link/frame.h"

/* --- for the whole server ------------------------------------------------------------------- */

/* Whether this node is part of a cluster. */
bool link_is_on(const struct hub *h);
/* The number of this node; LINK_NOBODY: it has none yet. */
int link_number(const struct hub *h);
/* Whether another node of this number lives. */
bool link_lives(const struct hub *h, int number);
/* Whether a session that session_find() has not found here is nowhere. */
bool link_rules_out(struct hub *h, struct slice sid);

/* Whether the session lives on another node. */
bool session_is_remote(const struct session *s);

/* Who is to be asked for a session that session_find() has found SESSION_ELSEWHERE. */
struct link_place {
	int node;
	bool is_certain; /* it was told to be there; else: the node made its id, and must know */
};
struct link_place link_place_of(struct hub *h, struct slice sid);

/* Say something to a node (LINK_ALL: to all others). */
int link_tell(struct hub *h, int node, enum link_kind kind, struct slice body);
/* Say something to the process of a slot of this node; -1: to all.  It gets it by
 * hub_options.linked. */
int link_notify(struct hub *h, int64_t slot, enum link_kind kind, struct slice body);

/* This process waits for one more thing, or for one less, that link_notify() will tell it. */
void link_await(struct hub *h, int change);
/* Hand on what was notified: during it hub_options.linked is called.  Reads the log if it is
 * unread. */
void link_hear(struct hub *h);

/* Have something done with a remote session at its home; the key is filled in. */
int link_command(struct hub *h, const struct session *s, const struct link_command *c);

#endif
