/* slice: a borrowed run of bytes: pointer and length, NOT NUL-terminated.
 * Each function that returns one says how long the bytes live. */
#ifndef POLLUX_SLICE_H
#define POLLUX_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

/* A string literal as a slice. */
#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* A NUL-terminated string as a slice; NULL gives the empty slice. */
static inline struct slice
slice_of(const char *text)
{
	return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

/* For "%.*s", which may not be given NULL, even with a length of 0. */
static inline const char *
slice_text(struct slice s)
{
	return s.p == NULL ? "" : s.p;
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
	/* memcmp may not be given NULL, even for no bytes */
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
slice_is(struct slice s, const char *text)
{
	return slice_equal(s, slice_of(text));
}

static inline bool
slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* Does the name match "say" or "order.*"? */
static inline bool
slice_matches(struct slice name, struct slice pattern)
{
	if (pattern.n > 0 && pattern.p[pattern.n - 1] == '*')
		return slice_starts(name, (struct slice){pattern.p, pattern.n - 1});
	return slice_equal(pattern, name);
}

/* Would a NUL-terminated copy of it be cut? */
static inline bool
slice_has_nul(struct slice s)
{
	return s.n > 0 && memchr(s.p, '\0', s.n) != NULL;
}

/* Read a decimal number of at most `digits` digits (9 or fewer) that is not above `most`.  By hand:
 * strtoul() takes blanks and a sign, too.  False: `s` is none, and `*number` is void. */
static inline bool
slice_number(struct slice s, size_t digits, unsigned most, unsigned *number)
{
	unsigned n = 0;

	if (s.n == 0 || s.n > digits)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		n = 10 * n + (unsigned)(s.p[i] - '0');
	}
	*number = n;
	return n <= most;
}

/* `s` without its first `n` bytes; `n` may not exceed `s.n`. */
static inline struct slice
slice_skip(struct slice s, size_t n)
{
	return (struct slice){n == 0 ? s.p : s.p + n, s.n - n};
}

/* `s` without the blanks and tabs around it. */
static inline struct slice
slice_trim(struct slice s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_skip(s, 1);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Cut the piece before the first `separator` from the front of `*rest`, the separator too.
 * Without one the piece is all of it.  Return false when `*rest` has ended (its `p` is NULL). */
static inline bool
slice_cut(struct slice *rest, char separator, struct slice *piece)
{
	const char *end;

	if (rest->p == NULL)
		return false;
	end = rest->n == 0 ? NULL : memchr(rest->p, separator, rest->n);
	if (end == NULL) {
		*piece = *rest;
		*rest = (struct slice){NULL, 0};
		return true;
	}
	*piece = (struct slice){rest->p, (size_t)(end - rest->p)};
	*rest = slice_skip(*rest, piece->n + 1);
	return true;
}

#endif
