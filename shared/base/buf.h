/* buf: an owned, growing run of bytes with a ceiling.
 *
 * Appending returns nothing: the first failure (out of memory, or past the ceiling) sets `failed`,
 * and later appends do nothing.  So a text is built without a check per line; check `failed` at
 * its end. */
#ifndef POLLUX_BUF_H
#define POLLUX_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/slice.h"

struct buf {
	char *p;        /* owned; NULL while nothing was appended */
	size_t n;       /* bytes in use */
	size_t cap;     /* bytes allocated */
	size_t ceiling; /* `n` never exceeds this; 0: BUF_CEILING */
	bool failed;
};

/* The ceiling of buffers that set none. */
#define BUF_CEILING ((size_t)64 << 20)

/* Start empty; `ceiling` in bytes, 0 for BUF_CEILING.  A zeroed struct is also a valid start. */
void buf_init(struct buf *b, size_t ceiling);

/* Give the memory back; the buffer is empty and usable again. */
void buf_free(struct buf *b);

/* Forget the content and the failure, keep the memory. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_add_slice(struct buf *b, struct slice s);
void buf_add_char(struct buf *b, char c);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Make room for `n` more bytes and return where they go, or NULL (then `failed` is set).
 * The caller writes at most `n` bytes there and adds their number to `b->n`. */
char *buf_reserve(struct buf *b, size_t n);

/* Drop the first `n` bytes, n <= b->n. */
void buf_consume(struct buf *b, size_t n);

/* The content, borrowed until the next change. */
static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){b->p, b->n};
}

#endif
