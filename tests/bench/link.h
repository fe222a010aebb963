/* link: one TCP connection of the load generator, non-blocking, on libev.
 *
 * Bytes that arrive are gathered in `in`, bytes to send wait in `out`; the owner reads the one and
 * fills the other.  A link that ended can be opened again. */
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
	struct buf in;                                   /* what came and was not consumed yet */
	struct buf out;                                  /* what waits for the socket */
	void *owner;                                     /* for the callbacks */
	void (*on_data)(struct link *l);                 /* something was added to `in` */
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

/* Close and forget what was in flight; calls nobody.  Closing a closed link does nothing. */
void link_close(struct link *l, struct ev_loop *loop);

/* Close it and give its memory back. */
void link_free(struct link *l, struct ev_loop *loop);

#endif
