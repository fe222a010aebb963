/* jsliteral: text as a JavaScript string literal inside a page (PROTOCOL sections 7 and 10).  Pure.
 *
 *	3:::a</script>"b"    becomes    "3:::a<\/script>\"b\""
 *
 * A script that is a file of its own needs no more than json_write_string(). */
#ifndef POLLUX_JSLITERAL_H
#define POLLUX_JSLITERAL_H

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Append valid UTF-8 `text` as a string literal: as json_write_string() does, and nothing in it
 * ends the <script> element around it, or begins a comment in which that would not end. */
void jsliteral_write(struct buf *out, struct slice text);

/* Append `json`, JSON text in a packet on its way to htmlfile, so that it means the same when the
 * client has replaced every backslash-slash by a slash, which clients from 0.9.15 on do after they
 * have evaluated the literal.  A slash behind an even number of backslashes becomes \u002f. */
void jsliteral_guard_slashes(struct buf *out, struct slice json);

#endif
