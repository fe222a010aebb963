/* user_presence: tells the application when a user comes, with the first connected session that has
 * the name, and when a user goes, with the last one.
 *
 * It is decided in the transaction of the change, so on one node each change is told once.  In a
 * cluster the session's home decides, by what it knows of the others; where two nodes decide at the
 * same time, the news of the one corrects the other (user_presence_heard()): what is told last is
 * true, but a coming may be told twice.
 *
 * All need the turn's transaction; a failing store fails the turn. */
#ifndef POLLUX_USER_PRESENCE_H
#define POLLUX_USER_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

struct hub;

/* The session has connected. */
void user_presence_begins(struct hub *h, int64_t key);
/* It is ending, and its rows are still there.  Return whether its user was told to have gone. */
bool user_presence_ends(struct hub *h, int64_t key);
/* Its user was `before` and is `now` (p NULL: none), which is in the store.  Return whether
 * `before` was told to have gone. */
bool user_presence_changes(struct hub *h, int64_t key, struct slice before, struct slice now);

/* A session of another node, which had this user, has ended, or has another user now; the store
 * knows.  `told`: its home has told that the user has gone. */
void user_presence_heard(struct hub *h, int64_t key, struct slice user, bool told);
/* The same when its home has died, on the node that tells what becomes of its sessions. */
void user_presence_lost(struct hub *h, int64_t key, struct slice user);

/* As the process that does maintenance: tell what processes without an application have noted. */
void user_presence_tell_noted(struct hub *h);

#endif
