/* reply: the bytes of an HTTP answer, as a message for the queue. */
#ifndef POLLUX_WSD_REPLY_H
#define POLLUX_WSD_REPLY_H

#include "shared/hub/message.h"
#include "shared/transport/exchange.h"

/* How the peer learns the end of the body. */
enum wsd_reply_end {
	WSD_REPLY_LENGTH,  /* Content-Length */
	WSD_REPLY_CHUNKED, /* HTTP/1.1, length unknown */
	WSD_REPLY_CLOSE,   /* HTTP/1.0, length unknown: the connection ends with it */
};

struct wsd_reply {
	enum wsd_reply_end end;
	bool keep; /* the connection stays open after it */
	bool bare; /* to HEAD: the answer to GET without its body */
};

/* The head and the body of `r`, or the first piece of the body.  NULL: out of memory. */
struct message *wsd_reply_write(const struct response *r, const struct wsd_reply *how);

/* A further piece, not empty, of a WSD_REPLY_CHUNKED or WSD_REPLY_CLOSE body; and the end of a
 * chunked one.  NULL: out of memory. */
struct message *wsd_reply_piece(struct slice bytes, enum wsd_reply_end end);
struct message *wsd_reply_last(void);

/* A sentence in plain text, after which the connection is closed.  `headers` as in struct response.
 * NULL: out of memory. */
struct message *wsd_reply_error(int status, const char *why, struct slice headers);

#endif
