/* hixie_frame: the frames of the websocket drafts hixie-75 and hixie-76 (PROTOCOL 12.2).  Pure.
 *
 *	00 text FF          a text; FF never occurs in UTF-8
 *	FF 00               close
 *	01..7F bytes FF     no meaning, skipped
 *	80..FF length data  the same; the length in groups of seven bits, all but the last | 80 */
#ifndef POLLUX_HIXIE_FRAME_H
#define POLLUX_HIXIE_FRAME_H

#include <stddef.h>

#include "shared/base/slice.h"

enum hixie_frame_kind {
	HIXIE_FRAME_TEXT,
	HIXIE_FRAME_CLOSE,
	HIXIE_FRAME_OTHER, /* to be skipped */
};

struct hixie_frame {
	enum hixie_frame_kind kind;
	struct slice text; /* HIXIE_FRAME_TEXT: borrowed from the input, may be invalid UTF-8 */
	size_t used;       /* bytes of the input */
};

enum hixie_frame_answer {
	HIXIE_FRAME_WHOLE, /* `f` is the first frame */
	HIXIE_FRAME_MORE,  /* incomplete so far */
	HIXIE_FRAME_NEVER, /* larger than `most`: give up on the connection */
};

/* Read the frame at the front of `in`, whose content may have at most `most` bytes.  The first
 * `seen` bytes of `in` were in a call that answered HIXIE_FRAME_MORE and are not searched again.
 * `f` is set with HIXIE_FRAME_WHOLE only. */
enum hixie_frame_answer hixie_frame_read(
    struct hixie_frame *f, struct slice in, size_t seen, size_t most);

#endif
