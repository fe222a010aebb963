/* self: who this node is, and what it says of itself. */
#ifndef POLLUX_LINKD_SELF_H
#define POLLUX_LINKD_SELF_H

#include "linkd/node_file.h"
#include "linkd/node_text.h"
#include "shared/base/buf.h"
#include "shared/base/config.h"
#include "shared/store/link_figures.h"

struct store;

struct self {
	const struct config *cfg;
	struct node_text text;
	struct node_file file; /* `incarnation`: the last one that others may know */
	struct link_rates rates;
};

/* Read the file `node`, and find a name.  Return 0, or -1 after logging why. */
int self_open(struct self *s, const struct config *cfg);

/* Count and write what others are to know, which is later than all that was written before. */
void self_write(struct self *s, struct store *st, int64_t now_ms, struct buf *out);

/* We have this number, and others will know this incarnation.  What the file does not take is
 * logged, and only matters at the next start. */
void self_keep(struct self *s, int number);

/* The incarnation that others know was given up: there is another one from now on. */
void self_begin_anew(struct self *s);

#endif
