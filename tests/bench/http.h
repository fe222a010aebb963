/* http: just enough of HTTP/1.1 answers for a load generator.  Pure: bytes in, answer out. */
#ifndef POLLUX_BENCH_HTTP_H
#define POLLUX_BENCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"

struct http_answer {
	int status;
	struct slice body; /* borrows from the input */
	bool close;        /* the server closes the connection after it */
	size_t used;       /* bytes of the input that it took */
};

enum http_result {
	HTTP_WHOLE,
	HTTP_MORE,
	HTTP_BAD
};

/* Look at the front of `in`.  On HTTP_WHOLE `a` is filled in; a chunked body has been moved
 * together within `in`, over its chunk sizes.  An answer without a length ends the connection; it
 * is taken for bad here. */
enum http_result http_take(struct http_answer *a, char *in, size_t n);

#endif
