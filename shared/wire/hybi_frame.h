/* hybi_frame: what must be known of an RFC 6455 frame before all of it has arrived (PROTOCOL 12.1).
 * Pure.  Everything else about frames is wslay's job.
 *
 *	fin rsv opcode | mask len7 | len16 or len64 if len7 is 126, 127 | mask key | payload */
#ifndef POLLUX_HYBI_FRAME_H
#define POLLUX_HYBI_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

enum hybi_frame_look {
	HYBI_FRAME_MORE,  /* incomplete so far */
	HYBI_FRAME_WHOLE, /* `*n` bytes are ready: a frame, or a head that wslay will refuse */
	HYBI_FRAME_LARGE, /* the payload is going to exceed `room` */
};

/* Look at the frame at the front of `in`; `room`: bytes that its payload may have.
 * `*n` is set with HYBI_FRAME_WHOLE only. */
enum hybi_frame_look hybi_frame_look(struct slice in, uint64_t room, size_t *n);

/* Whether the text of an incomplete frame can still become valid UTF-8.  RFC 6455 wants a violation
 * noticed as soon as its bytes are there (section 8.1, "fail fast").  True also for frames that are
 * not judged here: binary, control, unmasked, continuations, which are checked as a whole message.
 * `*seen` payload bytes are known to be valid: 0 for a new frame, advanced by each call. */
bool hybi_frame_text_valid(struct slice in, size_t *seen);

#endif
