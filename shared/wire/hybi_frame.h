/* hybi_frame: what of an RFC 6455 frame must be known before it is whole (PROTOCOL 12.1).  Pure; all
 * else about frames is wslay's.
 *
 *	fin rsv opcode | mask len7 | len16 or len64 if len7 is 126, 127 | mask key | payload */
#ifndef POLLUX_HYBI_FRAME_H
#define POLLUX_HYBI_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

enum frame_look {
	FRAME_MORE,  /* not whole yet */
	FRAME_WHOLE, /* `*n` bytes are to be read: a frame, or a head that no reader will take */
	FRAME_LARGE, /* the payload will be larger than `room` */
};

/* Look at the frame at the front of `in`.  `*n` is set with FRAME_WHOLE only. */
enum frame_look frame_look(struct slice in, uint64_t room, size_t *n);

/* Of a frame that is not whole: can its text still become UTF-8?  RFC 6455 wants that noticed as
 * soon as the bytes are there.  True of all that is no text, or not the first of a message, which
 * is judged once it is whole.  `*seen` bytes of its payload are known to be valid; it begins with 0
 * and is moved on. */
bool frame_text_valid(struct slice in, size_t *seen);

#endif
