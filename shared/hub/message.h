/* message: one encoded packet on its way to any number of sessions, shared by reference count.
 *
 * There is room for a websocket frame's head right before the text, and for the end mark of the
 * older drafts after it: a broadcast is framed once and sent N times. */
#ifndef POLLUX_MESSAGE_H
#define POLLUX_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define MESSAGE_HEADROOM 10 /* bytes: the longest head of an unmasked RFC 6455 frame */

struct message {
	unsigned refs;
	uint32_t n;           /* bytes of text */
	int64_t id;           /* of its row in the log; 0: not logged */
	uint64_t part;        /* of a turn that made it (part.h); 0: none */
	int64_t *except_more; /* owned, sorted: must not get it, beside the row's except_key */
	uint32_t except_n;    /* of except_more */
	uint32_t queued;      /* for the program: in how many queues it waits to be written */
	uint8_t head_n;       /* bytes in use at the end of `head`; 0: not framed yet */
	bool is_volatile;
	unsigned char head[MESSAGE_HEADROOM];
	char text[]; /* the packet, then 0xFF (the end mark), NOT NUL-terminated */
};

_Static_assert(offsetof(struct message, text) == offsetof(struct message, head) + MESSAGE_HEADROOM,
    "the head of a frame ends where its text begins");

/* A new message with one reference and a copy of the text.  NULL: out of memory, or the text has
 * 4 GiB or more. */
struct message *message_new(struct slice text);

/* Leave these sessions out too, given as the bytes of an int64_t array; empty: does nothing.  Call
 * it at most once.  0, or -1: out of memory. */
int message_leave_out(struct message *m, struct slice keys);

/* Is the session one of except_more? */
bool message_leaves_out(const struct message *m, int64_t key);

static inline struct message *
message_keep(struct message *m)
{
	m->refs++;
	return m;
}

/* Drop one reference; the last one frees it.  NULL is allowed. */
void message_release(struct message *m);

static inline struct slice
message_text(const struct message *m)
{
	return (struct slice){m->text, m->n};
}

/* The whole RFC 6455 frame once `head_n` is set: head and text, contiguous. */
static inline struct slice
message_frame(const struct message *m)
{
	return (struct slice){
	    (const char *)m->head + MESSAGE_HEADROOM - m->head_n, m->head_n + m->n};
}

#endif
