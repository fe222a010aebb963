/* jsliteral: text as a JavaScript string literal inside a page (PROTOCOL sections 7 and 10).  Pure.
 *
 *	3:::a</script>"b"    becomes    "3:::a<\/script>\"b\""
 *
 * For a script in a file of its own json_write_string() is enough. */
#ifndef POLLUX_JSLITERAL_H
#define POLLUX_JSLITERAL_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Append valid UTF-8 `text` as a string literal: what json_write_string() writes, in which nothing
 * ends the surrounding <script> element or opens an HTML comment that would hide its end. */
void jsliteral_write(struct buf *out, struct slice text);

/* Append `json`, the JSON text of a packet for htmlfile, in a spelling that survives clients from
 * 0.9.15 on: after evaluating the literal they replace every "\/" by "/", inside JSON strings too
 * (PROTOCOL section 10).  A slash after an even number of backslashes becomes \u002f. */
void jsliteral_guard_slashes(struct buf *out, struct slice json);

#endif
