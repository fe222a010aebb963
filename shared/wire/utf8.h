/* utf8: validating, repairing and measuring text (PROTOCOL section 7).  Pure. */
#ifndef POLLUX_UTF8_H
#define POLLUX_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* U+FFFD as UTF-8. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Whether this is valid UTF-8.  The empty text is. */
bool utf8_valid(struct slice text);

/* For text that is still arriving: the number of bytes of whole characters at its front.  `*cut` is
 * set when nothing follows them, or the beginning of another; else the text is malformed. */
size_t utf8_front(struct slice text, bool *cut);

/* Append `text` with every malformed sequence replaced by U+FFFD, by the WHATWG rule: one for each
 * maximal subpart. */
void utf8_sanitize(struct buf *out, struct slice text);

/* The number of UTF-16 code units of valid UTF-8. */
size_t utf8_utf16_length(struct slice text);

/* The number of bytes of the prefix of valid UTF-8 that has exactly `units` UTF-16 code units, or
 * (size_t)-1 when the text is shorter or a surrogate pair would be cut. */
size_t utf8_utf16_prefix(struct slice text, size_t units);

/* The same, counting code points. */
size_t utf8_codepoint_prefix(struct slice text, size_t points);

#endif
