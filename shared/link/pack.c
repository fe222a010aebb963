#include "shared/link/pack.h"

#define ABSENT UINT32_MAX

static void
pack_bytes(struct buf *out, uint64_t value, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_add_char(out, (char)(value >> (8 * i) & 0xff));
}

void
pack_byte(struct buf *out, unsigned char byte)
{
	pack_bytes(out, byte, 1);
}

void
pack_number(struct buf *out, int64_t number)
{
	pack_bytes(out, (uint64_t)number, 8);
}

void
pack_text(struct buf *out, struct slice text)
{
	if (text.p == NULL) {
		pack_bytes(out, ABSENT, 4);
	} else if (text.n >= ABSENT) {
		out->failed = true;
	} else {
		pack_bytes(out, text.n, 4);
		buf_add_slice(out, text);
	}
}

static uint64_t
read_packed(struct pack_reader *in, unsigned n)
{
	uint64_t value = 0;

	if (in->failed || in->rest.n < n) {
		in->failed = true;
		return 0;
	}
	for (unsigned i = 0; i < n; i++)
		value |= (uint64_t)(unsigned char)in->rest.p[i] << (8 * i);
	in->rest = slice_skip(in->rest, n);
	return value;
}

unsigned char
pack_read_byte(struct pack_reader *in)
{
	return (unsigned char)read_packed(in, 1);
}

int64_t
pack_read_number(struct pack_reader *in)
{
	return (int64_t)read_packed(in, 8);
}

struct slice
pack_read_text(struct pack_reader *in)
{
	struct slice text = {NULL, 0};
	uint64_t n = read_packed(in, 4);

	if (in->failed || n == ABSENT)
		return text;
	if (n > in->rest.n) {
		in->failed = true;
		return text;
	}
	text = (struct slice){in->rest.p, (size_t)n};
	in->rest = slice_skip(in->rest, (size_t)n);
	return text;
}
