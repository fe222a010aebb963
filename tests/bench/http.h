/* http: just enough of HTTP/1.1 responses for a load generator.  Pure. */
#ifndef POLLUX_BENCH_HTTP_H
#define POLLUX_BENCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"

struct http_answer {
	int status;
	struct slice body; /* borrows from the input */
	bool close;        /* the server closes the connection after it */
	size_t used;       /* bytes of the input */
};

enum http_result {
	HTTP_WHOLE,
	HTTP_MORE,
	HTTP_BAD
};

/* Look at the front of `in`.  On HTTP_WHOLE `a` is set; a chunked body has been moved together
 * within `in`, over its chunk sizes.  A response whose length is the end of the connection counts
 * as bad. */
enum http_result http_take(struct http_answer *a, char *in, size_t n);

#endif
