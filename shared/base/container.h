/* container: from a member back to the struct it stands in. */
#ifndef POLLUX_CONTAINER_H
#define POLLUX_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

/* The `type` whose member `member` is at `p`, which is not NULL.  By way of an integer, so that `p`
 * may point to const. */
#define container_of(p, type, member) ((type *)((uintptr_t)(p)-offsetof(type, member)))

#endif
