/* hixie: the drafts before RFC 6455 (PROTOCOL 12.2), which Flash and the browsers of 2010 speak.
 * Both have the same frames; -76 also has keys, and eight bytes after the request that are answered
 * by a digest. */
#ifndef POLLUX_WSD_HIXIE_H
#define POLLUX_WSD_HIXIE_H

#include "wsd/dialect.h"

extern const struct dialect hixie_dialect_75, hixie_dialect_76;

#endif
