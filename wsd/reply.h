/* reply: the bytes of an HTTP answer, as a message for the queue. */
#ifndef POLLUX_WSD_REPLY_H
#define POLLUX_WSD_REPLY_H

#include "shared/hub/message.h"
#include "shared/transport/exchange.h"

/* How the peer learns where the body ends. */
enum wsd_reply_end {
	WSD_REPLY_LENGTH,  /* Content-Length */
	WSD_REPLY_CHUNKED, /* HTTP/1.1, length unknown */
	WSD_REPLY_CLOSE,   /* HTTP/1.0, length unknown: the connection ends with it */
};

struct wsd_reply {
	enum wsd_reply_end end;
	bool keep; /* the connection stays open behind it */
	bool bare; /* to HEAD: what GET would have got, without the body */
};

/* The head and the body in `r`, or what there is of it so far.  NULL: out of memory. */
struct message *wsd_reply_write(const struct response *r, const struct wsd_reply *how);

/* A further piece, not empty, of a chunked or unbounded body; and the end of a chunked one. */
struct message *wsd_reply_piece(struct slice bytes, enum wsd_reply_end end);
struct message *wsd_reply_last(void);

/* A short answer of our own in plain text, behind which the connection ends.  `headers` as in
 * struct response. */
struct message *wsd_reply_error(int status, const char *why, struct slice headers);

#endif
