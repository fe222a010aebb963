/* link_lock: one pollux-linkd per data folder. */
#ifndef POLLUX_LINK_LOCK_H
#define POLLUX_LINK_LOCK_H

#include <stdbool.h>

struct store;

/* Take LOCK_LINK, or see that we have it still: it goes with the lock file, which is another one
 * after store_reopen().  False: another process has it. */
bool link_lock_take(struct store *st);

#endif
