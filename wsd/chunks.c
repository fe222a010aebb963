#include "wsd/chunks.h"

#include <stdbool.h>

#include "shared/wire/digit.h"

/* One byte that is neither data nor of the trailer.  Return false if it may not be there. */
static bool
look_at_frame(struct chunks *c, char byte)
{
	switch (c->state) {
	case CHUNKS_SIZE:
		if (byte == '\r')
			c->state = CHUNKS_SIZE_LF;
		else if (byte == ';' || byte == ' ')
			c->state = CHUNKS_EXTENSION;
		else /* http-parser has refused what is no digit */
			c->left = c->left << 4 | (size_t)digit_hex(byte);
		return true;
	case CHUNKS_EXTENSION:
		if (byte == '\r')
			c->state = CHUNKS_SIZE_LF;
		return byte != '\n';
	case CHUNKS_SIZE_LF:
		c->state = c->left == 0 ? CHUNKS_TRAILER : CHUNKS_DATA;
		return byte == '\n';
	case CHUNKS_DATA_CR:
		c->state = CHUNKS_DATA_LF;
		return byte == '\r';
	default:
		c->state = CHUNKS_SIZE;
		return byte == '\n';
	}
}

const char *
chunks_look(struct chunks *c, struct slice in)
{
	size_t n;

	while (in.n > 0) {
		if (c->state == CHUNKS_TRAILER) {
			c->trailer.later_line = true; /* there is no request line before it */
			return head_look(&c->trailer, &in);
		}
		if (c->state == CHUNKS_DATA) {
			n = in.n < c->left ? in.n : c->left;
			c->left -= n;
			in = slice_skip(in, n);
			if (c->left == 0)
				c->state = CHUNKS_DATA_CR;
			continue;
		}
		if (!look_at_frame(c, in.p[0]))
			return "A chunk does not end with CR and LF.";
		in = slice_skip(in, 1);
	}
	return NULL;
}
