/* exact: helpers for the tests of the parsers: bytes in a block of exactly their size, so that
 * AddressSanitizer reports any read past the last one, and a comparison that prints both texts. */
#ifndef POLLUX_TESTS_EXACT_H
#define POLLUX_TESTS_EXACT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "shared/base/slice.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* SLICE() for tables: a compound literal is not a constant initializer. */
#define TEXT(literal)                                                                              \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}

/* A copy of the first `n` bytes of `text`, to be freed by the caller. */
static inline char *
exact(struct slice text, size_t n)
{
	char *copy = malloc(n == 0 ? 1 : n);

	assert_non_null(copy);
	assert_true(n <= text.n);
	if (n > 0)
		memcpy(copy, text.p, n);
	return copy;
}

static inline void
print_slice(const char *what, struct slice s)
{
	print_error("%s \"%.*s\"\n", what, (int)s.n, s.n == 0 ? "" : s.p);
}

/* Fail, and print the input, unless `got` equals `want`. */
#define assert_slice(got, want, input) assert_slice_at(got, want, input, __FILE__, __LINE__)

static inline void
assert_slice_at(struct slice got, struct slice want, struct slice input, const char *file, int line)
{
	if (slice_equal(got, want))
		return;
	print_slice("input", input);
	print_slice("  got", got);
	print_slice("  want", want);
	_fail(file, line);
}

#endif
