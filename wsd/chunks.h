/* chunks: the frames of a chunked body, of which http-parser takes more than it tells.  Pure.
 *
 * It skips a byte where a line end must be, whatever it is.  A proxy that looks at it would see the
 * chunk end elsewhere, and another request behind it (RFC 9112 7.1). */
#ifndef POLLUX_WSD_CHUNKS_H
#define POLLUX_WSD_CHUNKS_H

#include <stddef.h>

#include "shared/base/slice.h"
#include "wsd/head.h"

/* Starts zeroed, at the first byte of the body. */
struct chunks {
	enum {
		CHUNKS_SIZE,
		CHUNKS_EXTENSION,
		CHUNKS_SIZE_LF,
		CHUNKS_DATA,
		CHUNKS_DATA_CR,
		CHUNKS_DATA_LF,
		CHUNKS_TRAILER,
	} state;
	size_t left;         /* of the size, or of the data that is still to come */
	struct head trailer; /* its line ends */
};

/* Look at more of the body, which http-parser has read: its sizes are numbers.  Return NULL, or
 * what is wrong; static. */
const char *chunks_look(struct chunks *c, struct slice in);

#endif
