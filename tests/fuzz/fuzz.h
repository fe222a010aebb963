/* fuzz: helpers for the fuzz targets.
 *
 * A target is a file fuzz_X.c with one function, which libFuzzer (make fuzz) or replay.c (make
 * check) calls with the bytes of one input, in a block of exactly their size.  It states what must
 * hold for any bytes, not only that nothing crashes.  Inputs worth keeping are in corpus/X/, under
 * a name that says what they are. */
#ifndef POLLUX_TESTS_FUZZ_H
#define POLLUX_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Abort unless the condition holds; unlike assert(), in every build. */
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

/* Does `part` lie in `whole`?  The empty slice lies anywhere. */
static inline bool
lies_in(struct slice part, struct slice whole)
{
	return part.n == 0 || (part.p >= whole.p && part.n <= (size_t)(whole.p + whole.n - part.p));
}

/* A copy in a block of exactly its size, so that AddressSanitizer reports any read past its end; to
 * be freed by the caller. */
static inline char *
copy_of(struct slice s)
{
	char *copy = malloc(s.n == 0 ? 1 : s.n);

	MUST(copy != NULL);
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	return copy;
}

/* An input says itself where it is cut: a digit k from 0 to 7, then k bytes, each the length of a
 * piece ('!' is 1, '*' is 10), repeated until the rest of the input is used up.  After
 * CUTTER_PIECES pieces the remainder is one.
 *
 *	0GET / HTTP/1.1       byte by byte
 *	1*GET / HTTP/1.1      in pieces of ten */
#define CUTTER_PIECES 300

struct cutter {
	struct slice lengths;
	struct slice rest;
	size_t turn;
};

/* Begin with `in`.  `c->rest` is the text that will be cut. */
static inline void
cutter_begin(struct cutter *c, struct slice in)
{
	size_t k = in.n == 0 ? 0 : (unsigned char)in.p[0] & 7;

	in = slice_skip(in, in.n == 0 ? 0 : 1);
	if (k > in.n)
		k = in.n;
	*c = (struct cutter){.lengths = {in.p, k}, .rest = slice_skip(in, k)};
}

/* The next piece, never empty.  Return false at the end. */
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
