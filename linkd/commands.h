/* commands: what other nodes do to sessions that live here, and to rooms that have members here.
 *
 * One for a session that is not here any more, or has left the namespace meanwhile, does nothing.
 * Functions return 0; 1: the body is malformed; or -1: the turn is lost. */
#ifndef POLLUX_LINKD_COMMANDS_H
#define POLLUX_LINKD_COMMANDS_H

#include "linkd/linkd.h"
#include "shared/base/slice.h"

/* LINK_CHANNEL, LINK_KEPT, LINK_SEND and LINK_COMMAND. */
int commands_kept(struct linkd *l, struct slice body);
int commands_channel(struct linkd *l, struct slice body);
int commands_send(struct linkd *l, struct slice body);
int commands_run(struct linkd *l, struct slice body);

/* LINK_MAIL and LINK_TAKEN. */
int commands_mail(struct linkd *l, struct slice body);
int commands_mail_taken(struct linkd *l, struct slice body);
/* LINK_RULING: for a process of this node, or for this one. */
int commands_ruling(struct linkd *l, struct slice body);

/* Copy the reason of an end that another node gives, as far as it fits; empty if it is no UTF-8. */
void commands_copy_reason(char *reason, size_t size, struct slice text);

#endif
