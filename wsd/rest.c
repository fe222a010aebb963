#include "wsd/rest.h"

#include <stdlib.h>

int
rest_join(struct rest **restp, struct slice *in)
{
	struct rest *rest = *restp;

	if (rest == NULL)
		return 0;
	buf_add_slice(&rest->bytes, *in);
	*in = buf_slice(&rest->bytes);
	return rest->bytes.failed ? -1 : 0;
}

int
rest_keep(struct rest **restp, struct slice in, size_t n, size_t most)
{
	struct rest *rest = *restp;

	if (n == 0) {
		rest_free(restp);
		return 0;
	}
	if (rest != NULL) {
		if (n < in.n) {
			rest->seen = 0;
			buf_consume(&rest->bytes, in.n - n);
		}
		return 0;
	}
	rest = calloc(1, sizeof(*rest));
	if (rest == NULL)
		return -1;
	*restp = rest;
	buf_init(&rest->bytes, most);
	buf_add_slice(&rest->bytes, slice_skip(in, in.n - n));
	return rest->bytes.failed ? -1 : 0;
}

void
rest_free(struct rest **restp)
{
	struct rest *rest = *restp;

	*restp = NULL;
	if (rest == NULL)
		return;
	buf_free(&rest->bytes);
	free(rest);
}
