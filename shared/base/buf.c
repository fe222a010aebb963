#include "shared/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_init(struct buf *b, size_t ceiling)
{
	*b = (struct buf){.ceiling = ceiling};
}

void
buf_free(struct buf *b)
{
	free(b->p);
	buf_init(b, b->ceiling);
}

void
buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

/* Allocate more room.  Not inlined, so that the usual call of buf_reserve() stays a few
 * instructions. */
__attribute__((noinline)) static char *
buf_grow(struct buf *b, size_t n)
{
	size_t ceiling = b->ceiling == 0 ? BUF_CEILING : b->ceiling;
	size_t want = b->cap < 64 ? 64 : b->cap;
	char *grown;

	if (n > ceiling || b->n > ceiling - n) {
		b->failed = true;
		return NULL;
	}
	while (want < b->n + n)
		want *= 2;
	if (want > ceiling)
		want = ceiling;
	grown = realloc(b->p, want);
	if (grown == NULL) {
		b->failed = true;
		return NULL;
	}
	b->p = grown;
	b->cap = want;
	return b->p + b->n;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (b->p == NULL || n > b->cap - b->n) /* `cap` never exceeds the ceiling */
		return buf_grow(b, n);
	return b->p + b->n;
}

void
buf_add(struct buf *b, const void *bytes, size_t n)
{
	char *end;

	if (n == 0)
		return;
	end = buf_reserve(b, n);
	if (end == NULL)
		return;
	memcpy(end, bytes, n);
	b->n += n;
}

void
buf_add_slice(struct buf *b, struct slice s)
{
	buf_add(b, s.p, s.n);
}

void
buf_add_char(struct buf *b, char c)
{
	char *end = buf_reserve(b, 1);

	if (end == NULL)
		return;
	*end = c;
	b->n++;
}

void
buf_puts(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void
buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	int n;
	char *end;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0) {
		b->failed = true;
		return;
	}
	end = buf_reserve(b, (size_t)n + 1); /* vsnprintf writes a NUL, which is not counted */
	if (end == NULL)
		return;
	va_start(args, format);
	vsnprintf(end, (size_t)n + 1, format, args);
	va_end(args);
	b->n += (size_t)n;
}

void
buf_consume(struct buf *b, size_t n)
{
	b->n -= n;
	if (b->n > 0)
		memmove(b->p, b->p + n, b->n);
}
