/* stream_id: the ids of the entries of a stream in Redis, "1700000000000-3": the time of Redis in
 * ms, and a number.  Pure. */
#ifndef POLLUX_LINKD_STREAM_ID_H
#define POLLUX_LINKD_STREAM_ID_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_ID_SIZE 44

bool stream_id_is(const char *text);

/* Less than 0, 0, more than 0, as strcmp().  Both must be ids. */
int stream_id_compare(const char *a, const char *b);

/* How old it is at this time of Redis, in ms; 0: it is newer. */
uint64_t stream_id_age(const char *id, int64_t now_ms);

#endif
