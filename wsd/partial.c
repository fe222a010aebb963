#include "wsd/partial.h"

#include <stdlib.h>

int
partial_join(struct partial **partialp, struct slice *in)
{
	struct partial *partial = *partialp;

	if (partial == NULL)
		return 0;
	buf_add_slice(&partial->bytes, *in);
	*in = buf_slice(&partial->bytes);
	return partial->bytes.failed ? -1 : 0;
}

int
partial_keep(struct partial **partialp, struct slice in, size_t n, size_t most)
{
	struct partial *partial = *partialp;

	if (n == 0) {
		partial_free(partialp);
		return 0;
	}
	/* joined, `in` is this buffer itself: drop what was used, nothing is copied */
	if (partial != NULL) {
		if (n < in.n) {
			/* another message is at the front now */
			partial->seen = 0;
			buf_consume(&partial->bytes, in.n - n);
		}
		return 0;
	}
	partial = calloc(1, sizeof(*partial));
	if (partial == NULL)
		return -1;
	*partialp = partial;
	buf_init(&partial->bytes, most);
	buf_add_slice(&partial->bytes, slice_skip(in, in.n - n));
	return partial->bytes.failed ? -1 : 0;
}

void
partial_free(struct partial **partialp)
{
	struct partial *partial = *partialp;

	*partialp = NULL;
	if (partial == NULL)
		return;
	buf_free(&partial->bytes);
	free(partial);
}
