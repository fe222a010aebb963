/* payload: several packets in one HTTP body (PROTOCOL section 6).  Pure.
 *
 *	EF BF BD  length  EF BF BD  packet    repeated; or one packet without framing
 *
 * EF BF BD is U+FFFD; the length counts UTF-16 code units. */
#ifndef POLLUX_PAYLOAD_H
#define POLLUX_PAYLOAD_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct payload_reader {
	struct slice rest; /* borrowed: what has not been read */
	bool framed;
	bool broken; /* a frame was malformed: the rest of the body is dropped */
};

/* Begin to read `body`, valid UTF-8, which must outlive the reader. */
void payload_read(struct payload_reader *r, struct slice body);

/* Take the next packet; its text points into the body.  Empty frames are skipped.  A length that
 * does not end at a frame is retried as code points and as bytes, since clients in other languages
 * count those (PROTOCOL 6.1); one past the end of the body takes what is there.
 * Return false at the end, or when the rest is malformed (then `r->broken`). */
bool payload_next(struct payload_reader *r, struct slice *packet);

/* Append one packet framed.  A response of a single packet is written without framing instead. */
void payload_add_framed(struct buf *out, struct slice packet);

/* Whether the packet contains U+FFFD.  Then it is sent alone and unframed: many clients split a
 * payload at every U+FFFD instead of counting. */
bool payload_must_be_alone(struct slice packet);

#endif
