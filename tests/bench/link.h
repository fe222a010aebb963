/* link: one TCP connection of the load generator, non-blocking, on libev.
 *
 * Bytes that arrive are collected in `in`, bytes to send wait in `out`; the owner reads the former
 * and fills the latter.  A link that ended can be opened again. */
#ifndef POLLUX_BENCH_LINK_H
#define POLLUX_BENCH_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>
#include <netinet/in.h>

#include "shared/base/buf.h"

struct link {
	ev_io rd, wr;
	int fd;                                          /* -1 while closed */
	bool connected;                                  /* valid while fd != -1 */
	struct buf in;                                   /* received, not consumed yet */
	struct buf out;                                  /* not sent yet */
	void *owner;                                     /* for the callbacks */
	void (*on_data)(struct link *l);                 /* more bytes are in `in` */
	void (*on_end)(struct link *l, const char *why); /* it is closed already */
};

/* Set up a closed link. */
void link_init(struct link *l, void *owner, void (*on_data)(struct link *l),
    void (*on_end)(struct link *l, const char *why));

/* Start to connect from `from` to `to`; bytes in `out` leave as soon as that succeeds.
 * Return 0, or -1 with errno. */
int link_open(
    struct link *l, struct ev_loop *loop, struct in_addr from, const struct sockaddr_in *to);

/* Send what is in `out`, now or when the socket takes it. */
void link_flush(struct link *l, struct ev_loop *loop);

/* Close and drop what was in flight, without a callback.  Closing a closed link does nothing. */
void link_close(struct link *l, struct ev_loop *loop);

/* Close it and free its memory. */
void link_free(struct link *l, struct ev_loop *loop);

#endif
