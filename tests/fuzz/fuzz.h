/* fuzz: what the fuzz targets share.
 *
 * A target is a file fuzz_X.c with one function, which libFuzzer (make fuzz) or replay.c (make
 * check) calls with the bytes of one input, in a block of exactly their size.  It states what must
 * hold whatever the bytes are; "no crash" is the least of it.  Inputs worth keeping stand in
 * corpus/X/, under a name that says what they are. */
#ifndef POLLUX_TESTS_FUZZ_H
#define POLLUX_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold.  Unlike assert() it is there in every build. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			must_fail(__FILE__, __LINE__, #condition);                                 \
	} while (0)

static inline _Noreturn void
must_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

static inline struct slice
slice_of_input(const uint8_t *data, size_t size)
{
	return (struct slice){(const char *)data, size};
}

/* Does `part` lie in `whole`?  Nothing lies anywhere. */
static inline bool
lies_in(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.n <= (size_t)(whole.p + whole.n - part.p));
}

/* A copy in a block of exactly its size, so that AddressSanitizer stands at its end; freed by the
 * caller. */
static inline char *
copy_of(struct slice s)
{
	char *copy = malloc(s.n == 0 ? 1 : s.n);

	MUST(copy != NULL);
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	return copy;
}

/* How an input says where it is to be cut: a digit k from 0 to 7, then k bytes, each the length of
 * a piece ('!' is 1, '*' is 10), in turn until the rest of the input is used up; what is left
 * behind so many pieces is one.
 * "0GET / HTTP/1.1" comes byte by byte, "1*GET / HTTP/1.1" in pieces of ten. */
#define CUTTER_PIECES 300

struct cutter {
	struct slice lengths;
	struct slice rest;
	size_t turn;
};

/* Begin with `in`.  What is to be cut is `c->rest`. */
static inline void
cutter_begin(struct cutter *c, struct slice in)
{
	size_t k = in.n == 0 ? 0 : (unsigned char)in.p[0] & 7;

	in = slice_skip(in, in.n == 0 ? 0 : 1);
	if (k > in.n)
		k = in.n;
	*c = (struct cutter){.lengths = {in.p, k}, .rest = slice_skip(in, k)};
}

/* The next piece; empty ones are left out.  Return false at the end. */
static inline bool
cutter_next(struct cutter *c, struct slice *piece)
{
	size_t n = 1;

	if (c->rest.n == 0)
		return false;
	if (c->lengths.n > 0)
		n = (size_t)(unsigned char)(c->lengths.p[c->turn % c->lengths.n] - ' ');
	if (n == 0)
		n = 1;
	if (n > c->rest.n || ++c->turn > CUTTER_PIECES)
		n = c->rest.n;
	*piece = (struct slice){c->rest.p, n};
	c->rest = slice_skip(c->rest, n);
	return true;
}

#endif
