#include "shared/wire/hixie_frame.h"

#include <stdint.h>
#include <string.h>

#define END_MARK 0xff

/* Most groups in a length; a longer one has leading zeros, which could go on for ever. */
#define GROUPS_MAX 10

/* A frame that ends at its end mark. */
static enum hixie_frame_answer
read_marked_frame(struct hixie_frame *f, struct slice in, size_t seen, size_t most)
{
	/* a text that arrives in pieces is searched once, not from its start for each piece */
	size_t from = seen > 1 ? seen : 1; /* after the type byte */
	/* one byte past `most`: the end mark of a text of exactly that size */
	size_t to = in.n - 1 > most ? most + 2 : in.n;
	const char *end = from < to ? memchr(in.p + from, END_MARK, to - from) : NULL;

	if (end == NULL)
		return in.n - 1 > most ? HIXIE_FRAME_NEVER : HIXIE_FRAME_MORE;
	f->kind = in.p[0] == 0 ? HIXIE_FRAME_TEXT : HIXIE_FRAME_OTHER;
	f->text = (struct slice){in.p + 1, (size_t)(end - in.p) - 1};
	f->used = f->text.n + 2;
	return HIXIE_FRAME_WHOLE;
}

/* A frame that announces its length. */
static enum hixie_frame_answer
read_counted_frame(struct hixie_frame *f, struct slice in, size_t most)
{
	size_t n = 0, at = 1;
	unsigned char group;

	do {
		if (at > GROUPS_MAX)
			return HIXIE_FRAME_NEVER;
		if (at == in.n)
			return HIXIE_FRAME_MORE;
		group = (unsigned char)in.p[at++];
		if (n > SIZE_MAX >> 7) /* the shift would lose bits */
			return HIXIE_FRAME_NEVER;
		n = n << 7 | (group & 0x7f);
		if (n > most)
			return HIXIE_FRAME_NEVER;
	} while ((group & 0x80) != 0);
	if (in.n - at < n)
		return HIXIE_FRAME_MORE;
	f->kind =
	    n == 0 && (unsigned char)in.p[0] == END_MARK ? HIXIE_FRAME_CLOSE : HIXIE_FRAME_OTHER;
	f->text = (struct slice){NULL, 0};
	f->used = at + n;
	return HIXIE_FRAME_WHOLE;
}

enum hixie_frame_answer
hixie_frame_read(struct hixie_frame *f, struct slice in, size_t seen, size_t most)
{
	if (in.n == 0)
		return HIXIE_FRAME_MORE;
	return (unsigned char)in.p[0] < 0x80 ? read_marked_frame(f, in, seen, most)
	                                     : read_counted_frame(f, in, most);
}
