/* head: the line ends of a request's head, of which http-parser takes more than it tells.  Pure.
 *
 * A proxy that reads another request into the same bytes would be led astray by them (RFC 9112 2.2,
 * 5.2): a folded line, which continues the one above, and a CR without its LF are refused. */
#ifndef POLLUX_WSD_HEAD_H
#define POLLUX_WSD_HEAD_H

#include <stdbool.h>

#include "shared/base/slice.h"

/* Starts zeroed, at the first byte of the request line. */
struct head {
	char last;       /* byte so far; after `done`: void */
	bool in_line;    /* the current line has a byte */
	bool later_line; /* the request line was read to its end ... */
	bool bare_lf;    /* ... which was LF alone: so an Arduino ends its lines (CLIENTS 3) */
	bool done;       /* the empty line was read */
};

/* Look at more of the input, up to the end of the head; `*in` becomes what follows it.  Return
 * NULL, or what is wrong; static. */
const char *head_look(struct head *h, struct slice *in);

#endif
