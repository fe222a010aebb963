/* hixie: the websocket of the drafts hixie-75 and hixie-76 (PROTOCOL 12.2): the proof of the
 * handshake, and the frames.  Pure.
 *
 *	00 text FF          a text; FF never occurs in UTF-8
 *	FF 00               the end
 *	01..7F bytes FF     of no meaning, skipped
 *	80..FF length data  the same; the length in groups of seven bits, all but the last | 80 */
#ifndef POLLUX_HIXIE_H
#define POLLUX_HIXIE_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define HIXIE_PROOF_N  8 /* bytes that a client of hixie-76 sends behind its request */
#define HIXIE_DIGEST_N 16

/* The number in Sec-WebSocket-Key1 or -Key2: all its digits, divided by the count of its blanks.
 * Return 0, or -1 when it is no key. */
int hixie_key_number(struct slice key, uint32_t *number);

/* The 16 bytes that answer two keys and the HIXIE_PROOF_N bytes of `proof`.
 * Return 0, or -1 when one of them is not well formed, or libcrypto has no MD5. */
int hixie_digest(
    unsigned char digest[HIXIE_DIGEST_N], struct slice key1, struct slice key2, struct slice proof);

enum hixie_kind {
	HIXIE_TEXT,
	HIXIE_CLOSE,
	HIXIE_OTHER, /* to be skipped */
};

struct hixie_frame {
	enum hixie_kind kind;
	struct slice text; /* of HIXIE_TEXT: borrowed from the input, perhaps invalid UTF-8 */
	size_t used;       /* bytes of the input */
};

enum hixie_answer {
	HIXIE_WHOLE, /* `f` is the first frame */
	HIXIE_MORE,  /* not whole yet */
	HIXIE_NEVER, /* it is longer than `most`: there will be no frame */
};

/* Read the frame at the front of `in`, whose content has at most `most` bytes.  The first `seen`
 * bytes of `in` are known from a call that answered HIXIE_MORE, and are not searched again. */
enum hixie_answer hixie_read(struct hixie_frame *f, struct slice in, size_t seen, size_t most);

#endif
