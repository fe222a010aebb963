/* trimming: deletes from the stream of this node what it has read.
 *
 * Only what is committed, and at most one command a second.  It needs Redis 6.2; an older one says
 * so, and the stream keeps its newest entries, read or not, as XADD trims it. */
#ifndef POLLUX_LINKD_TRIMMING_H
#define POLLUX_LINKD_TRIMMING_H

#include <stdbool.h>

struct redis;

struct trimming {
	bool is_due;     /* something was read since the last time */
	bool is_refused; /* by this Redis */
};

/* At each new connection: perhaps it is another Redis. */
void trimming_begin(struct trimming *t);

/* Something was read, and is committed. */
void trimming_note(struct trimming *t);

/* Once a second: everything before `position` may be deleted. */
void trimming_run(struct trimming *t, struct redis *r, const char *key, const char *position);

#endif
