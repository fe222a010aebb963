/* name: which texts may name a namespace, room, key, user or handler. */
#ifndef POLLUX_NAME_H
#define POLLUX_NAME_H

#include <stdbool.h>

#include "shared/base/slice.h"

#define NAME_BYTES_MAX 255

/* UTF-8 of at most NAME_BYTES_MAX bytes, without NUL. */
bool name_is_valid(struct slice name);

/* The same, but NULs are allowed: where a name always goes with its length. */
bool name_is_valid_or_has_nul(struct slice name);

/* "", or such a name that begins with a slash, has more after it, and no ':' or '?', which end an
 * endpoint on the wire (PROTOCOL 5.1). */
bool name_is_namespace(struct slice name);

#endif
