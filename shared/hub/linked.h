/* linked: what has come for this process from other nodes, as rows of the log, kept until
 * link_hear() hands it on: who reads the log may not use the store, which those who are told do. */
#ifndef POLLUX_HUB_LINKED_H
#define POLLUX_HUB_LINKED_H

struct hub;
struct message_row;

/* Keep a row, if it is for this process. */
void linked_keep(struct hub *h, const struct message_row *row);
/* What this process has waited for may have been lost. */
void linked_keep_lost(struct hub *h);

#endif
