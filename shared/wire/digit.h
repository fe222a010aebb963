/* digit: decimal and hexadecimal digits, independent of the locale.  Pure. */
#ifndef POLLUX_DIGIT_H
#define POLLUX_DIGIT_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"

static inline bool
digit_is(char c)
{
	return c >= '0' && c <= '9';
}

/* How many decimal digits `s` begins with. */
static inline size_t
digit_run(struct slice s)
{
	size_t n = 0;

	while (n < s.n && digit_is(s.p[n]))
		n++;
	return n;
}

/* The value of a digit of base64url, or -1. */
static inline int
digit_base64url(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (digit_is(c))
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* The value of a hexadecimal digit of either case, or -1. */
static inline int
digit_hex(char c)
{
	if (digit_is(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

#endif
