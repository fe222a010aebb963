/* stream_reply: what Redis answers about a stream.  It may be anything: all is looked at before it
 * is used.  Pure. */
#ifndef POLLUX_LINKD_STREAM_REPLY_H
#define POLLUX_LINKD_STREAM_REPLY_H

#include <stdbool.h>

#include <hiredis/hiredis.h>

#include "shared/base/buf.h"

/* The array of entries in a reply to XREAD of this key.  NULL: there is none. */
const redisReply *stream_reply_entries(const redisReply *reply, const char *key);

/* One of them: its id, and the bytes of its field "d", which have p NULL if it has another one or
 * more.  Both are borrowed.  False: it has no id. */
bool stream_reply_entry(const redisReply *entry, const char **id, struct slice *bytes);

/* The last id that a stream has given, from a reply to XINFO STREAM; borrowed.  NULL: it says none,
 * for example because there is no stream. */
const char *stream_reply_last_id(const redisReply *reply);

#endif
