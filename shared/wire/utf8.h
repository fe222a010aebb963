/* utf8: text rules (PROTOCOL section 7).  Pure. */
#ifndef POLLUX_UTF8_H
#define POLLUX_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* U+FFFD as UTF-8. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

bool utf8_valid(struct slice text);

/* Of text that is still arriving: the bytes of whole characters at its front.  `*cut` says whether
 * what follows them, if anything does, is the beginning of a further one; else it is malformed. */
size_t utf8_front(struct slice text, bool *cut);

/* Append `text` with every malformed sequence replaced by U+FFFD, by the WHATWG rule
 * (one replacement per maximal subpart). */
void utf8_sanitize(struct buf *out, struct slice text);

/* Number of UTF-16 code units of valid UTF-8. */
size_t utf8_utf16_length(struct slice text);

/* Number of bytes of the longest prefix of valid UTF-8 that is exactly `units` UTF-16 code units.
 * Return (size_t)-1 when the text is shorter, or a surrogate pair would be cut. */
size_t utf8_utf16_prefix(struct slice text, size_t units);

/* The same, counting code points. */
size_t utf8_codepoint_prefix(struct slice text, size_t points);

#endif
