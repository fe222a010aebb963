/* message_log: every message is one row, however many sessions read it; row ids are commit order.
 *
 * Functions return 0, or -1 after logging why, unless they say otherwise.  `each` must not use the
 * store. */
#ifndef POLLUX_MESSAGE_LOG_H
#define POLLUX_MESSAGE_LOG_H

#include <stdint.h>

#include "shared/base/slice.h"

struct store;

enum message_flags {
	STORE_VOLATILE = 1, /* only for transports that are open when it is sent */
	STORE_CONTROL = 2,  /* between processes, never for a client */
	STORE_LINK = 4, /* beside it: what another node says to the process of slot chan - 1; 0: to
	                     * all: a byte, enum link_kind, and its body */
};

struct message_row {
	int64_t id;
	int64_t chan;
	int64_t except_key; /* 0: none */
	unsigned flags;
	struct slice except_more; /* further keys, as the bytes of an int64_t array; p NULL: none */
	struct slice payload;     /* both slices are borrowed during the call */
};

/* The channel of a room of a namespace; room p NULL: of the namespace itself.  Always negative, as
 * a positive channel is a session's key. */
int64_t message_log_channel(struct slice ns, struct slice room);

/* Append a message; `m->id` is set.  Needs an open transaction. */
int message_log_append(struct store *st, struct message_row *m, int64_t now_ms);

/* The id of the newest row. */
int message_log_head(struct store *st, int64_t *head);
/* The id of the oldest row that was not trimmed. */
int message_log_first(struct store *st, int64_t *first);

/* From the oldest row to the newest, and the bytes between them: of each row its text, the keys
 * that it leaves out, and MESSAGE_ROW_BYTES for the rest.  Two look-ups, however many rows. */
#define MESSAGE_ROW_BYTES 64
struct message_span {
	int64_t oldest, newest; /* ids */
	int64_t bytes;
};
int message_log_span(struct store *st, struct message_span *span);

/* Call `each` for every row with id > after, in order. */
typedef void message_log_each(void *arg, const struct message_row *m);
int message_log_read(struct store *st, int64_t after, message_log_each *each, void *arg);

/* The same up to and including `until`, and only rows of the session's own channel and of channels
 * in its subscriptions; the caller checks their since and until. */
int message_log_read_for(
    struct store *st, int64_t key, int64_t after, int64_t until, message_log_each *each, void *arg);

#endif
