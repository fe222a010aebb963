/* container: from a member back to the struct that contains it. */
#ifndef POLLUX_CONTAINER_H
#define POLLUX_CONTAINER_H

#include <stddef.h>
#include <stdint.h>

/* The `type` whose member `member` is at `p`, which is not NULL.  The cast by way of
 * an integer allows `p` to point to const. */
#define container_of(p, type, member) ((type *)((uintptr_t)(p)-offsetof(type, member)))

#endif
