/* portion: the sessions that one turn handles, so that other processes have theirs in between. */
#ifndef POLLUX_LINKD_PORTION_H
#define POLLUX_LINKD_PORTION_H

#include <stdint.h>

#define PORTION_MAX 200 /* sessions */

struct portion {
	int64_t keys[PORTION_MAX];
	int n;
};

/* Of lists that have at most PORTION_MAX keys; `arg` is the portion. */
static inline void
portion_add(void *arg, int64_t key)
{
	struct portion *p = arg;

	if (p->n < PORTION_MAX)
		p->keys[p->n++] = key;
}

#endif
