/* partial: input of one connection that is not whole, kept until more of it arrives.
 *
 * Exists only while there is some; a NULL pointer is none. */
#ifndef POLLUX_WSD_PARTIAL_H
#define POLLUX_WSD_PARTIAL_H

#include "shared/base/buf.h"

struct partial {
	struct buf bytes;
	size_t seen; /* so many of them need not be read again; the reader sets it */
};

/* Put the kept bytes in front of `*in`, which then borrows from the partial until that changes.
 * Return 0, or -1: out of memory, or more than the `most` of partial_keep(). */
int partial_join(struct partial **partial, struct slice *in);

/* Keep the last `n` bytes of `in`, which were not used, and nothing else.  `in` is the result of
 * partial_join().  No more than `most` bytes are ever kept or joined.
 * Return 0, or -1 as above. */
int partial_keep(struct partial **partial, struct slice in, size_t n, size_t most);

void partial_free(struct partial **partial);

#endif
