/* balance: which worker takes the next connection.
 *
 * All workers wait at the same listening sockets, and the kernel wakes any of them.  Each tells the
 * others, in memory that they share, how many connections it has, and one that has more than its
 * share leaves the next to the others for a moment.  A connection that nobody has taken by then is
 * anybody's: a worker that is stuck holds up no client. */
#ifndef POLLUX_WSD_BALANCE_H
#define POLLUX_WSD_BALANCE_H

#include <stdbool.h>
#include <stddef.h>

struct balance;

/* For `n` workers.  Before the fork: the memory is shared with the children.  Return NULL with
 * errno. */
struct balance *balance_new(size_t n);

/* NULL is allowed.  Only this process gives it up. */
void balance_free(struct balance *b);

/* Worker `i` accepts connections, and has `conns`. */
void balance_set(struct balance *b, size_t i, size_t conns);

/* It accepts none any more: it ends, or is gone. */
void balance_leave(struct balance *b, size_t i);

/* Whether worker `i` accepts. */
bool balance_accepts(const struct balance *b, size_t i);

/* The connections of all workers. */
size_t balance_sum(const struct balance *b);

/* Whether no other worker accepts. */
bool balance_is_alone(const struct balance *b, size_t i);

/* Whether worker `i`, with `conns` connections, is to leave the next one to another; `full` says
 * that it would have to close one for it. */
bool balance_is_anothers(const struct balance *b, size_t i, size_t conns, bool full);

#endif
