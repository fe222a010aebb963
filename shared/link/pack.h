/* pack: numbers and texts as bytes, for what nodes send one another (frame.h).  Pure.
 *
 * A number is 8 bytes, the lowest first; a text is its length, in 4 bytes, and its bytes; one that
 * is absent (p NULL) has the length 0xffffffff.  What is read comes from outside: no length is
 * believed. */
#ifndef POLLUX_LINK_PACK_H
#define POLLUX_LINK_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"

void pack_byte(struct buf *out, unsigned char byte);
void pack_number(struct buf *out, int64_t number);
void pack_text(struct buf *out, struct slice text);

/* What is left to read.  After a read past the end `failed` is set, and all further ones give 0 or
 * an absent text: check it once, at the end. */
struct pack_reader {
	struct slice rest;
	bool failed;
};

unsigned char pack_read_byte(struct pack_reader *in);
int64_t pack_read_number(struct pack_reader *in);
/* Borrowed from the bytes that are read. */
struct slice pack_read_text(struct pack_reader *in);

#endif
