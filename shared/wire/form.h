/* form: application/x-www-form-urlencoded, as a browser's <form> posts it.  Pure.
 *
 *	d=%223%3A%3A%3Ahello+world%22      PROTOCOL section 9: the body of a jsonp POST
 *
 * Queries have the same syntax. */
#ifndef POLLUX_FORM_H
#define POLLUX_FORM_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

/* Whether a Content-Type header announces a form. */
bool form_is_type(struct slice content_type);

/* The longest body of a form whose one field `d` holds a text of `decoded` bytes in quotes: each
 * byte may be a %XX. */
size_t form_body_max(size_t decoded);

/* Walk the pairs of a form or query: key and value are raw and borrowed; value.p is NULL without
 * '='.  Return false at the end. */
bool form_next(struct slice *rest, struct slice *key, struct slice *value);

/* Find the first field of this name, compared with the raw key.  `*value` is raw, borrowed from the
 * form, and empty when there is no '='.  Return false when there is no such field. */
bool form_field(struct slice form, const char *name, struct slice *value);

/* Append a raw value decoded: '+' is a blank, %XX a byte; a '%' without two hexadecimal digits
 * stays as it is.  The result is bytes, not necessarily UTF-8. */
void form_decode(struct buf *out, struct slice raw);

#endif
