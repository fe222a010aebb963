/* partial: input of one connection that is not whole yet, kept until more of it comes.
 *
 * Exists only while there is some, a NULL pointer is none. */
#ifndef POLLUX_WSD_PARTIAL_H
#define POLLUX_WSD_PARTIAL_H

#include "shared/base/buf.h"

struct partial {
	struct buf bytes;
	size_t seen; /* so many of them need not be looked at again; the reader's to set */
};

/* Put what was kept in front of `*in`, which is borrowed from the partial then, until it changes.
 * Return 0, or -1: out of memory, or more than the `most` of partial_keep(). */
int partial_join(struct partial **partial, struct slice *in);

/* The last `n` bytes of `in` were not used: keep them, and them alone.  `in` is what partial_join()
 * has made of the input.  `most` bytes, and never more, are kept or joined.
 * Return 0, or -1 as above. */
int partial_keep(struct partial **partial, struct slice in, size_t n, size_t most);

void partial_free(struct partial **partial);

#endif
