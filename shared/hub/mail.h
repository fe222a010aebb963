/* mail: what is sent to a user who is away is kept until a session of the user is in the
 * namespace, and is then the first thing that this session gets there.
 *
 * It is delivered as any other message, in the transaction that deletes it: a poll that is lost
 * gets it again, a stream that breaks loses what was on its way.  In a cluster all nodes keep it,
 * and the one that delivers it tells the others.
 *
 * They need the turn's transaction.  Functions that return int return 0, or -1: the turn is lost.
 */
#ifndef POLLUX_HUB_MAIL_H
#define POLLUX_HUB_MAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/link/frame.h"

struct hub;
struct hub_ns;
struct session;

/* Keep an encoded packet for so many seconds, or as long as mailbox_seconds allows.  `*kept`: it
 * was kept; a full mailbox drops its oldest, which is logged. */
int mail_keep(struct hub *h, struct slice user, struct slice ns, struct slice packet,
    int64_t seconds, bool *kept);

/* The session is in the namespace: send it what waits for its user there. */
int mail_deliver(struct hub *h, struct session *s, const struct hub_ns *ns);
/* The same in all its namespaces: it has another user. */
int mail_deliver_all(struct hub *h, struct session *s);

/* Tell the node `node` what is kept, after row `*after`, which moves on.  1: there is more; 0: that
 * was all; or -1. */
int mail_tell(struct hub *h, int node, int64_t *after);
/* We were away, and other nodes know better which of what they have, too, was delivered. */
int mail_drop_shared(struct hub *h);

/* Another node has kept this, or has delivered these (uids as pack_number() writes them). */
int mail_take(struct hub *h, const struct link_mail *mail);
int mail_forget(struct hub *h, struct slice uids);

/* As the process that does maintenance, before it opens a transaction: note if there is no mail at
 * all, so that no process looks for it.  And in one: delete what is too old. */
void mail_note_empty(struct hub *h);
void mail_expire(struct hub *h);

#endif
