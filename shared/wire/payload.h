/* payload: several packets in one HTTP body (PROTOCOL section 6)
 *
 *	EF BF BD  length  EF BF BD  packet    repeated; or one packet without framing
 *
 * The length counts UTF-16 code units.  Pure: no I/O, no clock. */
#ifndef POLLUX_PAYLOAD_H
#define POLLUX_PAYLOAD_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

struct payload_reader {
	struct slice rest; /* borrowed, not yet read */
	bool framed;
	bool broken; /* a frame could not be read; what follows it is lost */
};

/* Begin to read `body`, valid UTF-8, which must outlive the reader. */
void payload_read(struct payload_reader *r, struct slice body);

/* Take the next packet text; it points into the body.  Empty frames are skipped.  A length that
 * does not end at a frame is tried again as code points and as bytes (PROTOCOL 6.1);
 * one past the end of the body takes what is there, as in the reference.
 * Return false at the end, or when the rest cannot be read (then `r->broken`). */
bool payload_next(struct payload_reader *r, struct slice *packet);

/* Append one packet framed.  A response of one packet is written unframed instead. */
void payload_add_framed(struct buf *out, struct slice packet);

/* Does the packet hold U+FFFD?  Such a packet is sent alone and unframed, since many clients
 * split the payload at every U+FFFD (CLIENTS 21). */
bool payload_must_be_alone(struct slice packet);

#endif
