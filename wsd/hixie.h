/* hixie: the drafts before RFC 6455 (PROTOCOL 12.2), which Flash and the browsers of 2010 speak.
 * Their frames are the same; -76 has keys, and eight bytes behind the request that are answered by
 * a digest; -75 has neither. */
#ifndef POLLUX_WSD_HIXIE_H
#define POLLUX_WSD_HIXIE_H

#include "wsd/dialect.h"

extern const struct dialect wsd_hixie_75, wsd_hixie_76;

#endif
