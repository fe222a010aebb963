/* watch: copies of packets for pollux tail, by datagram.
 *
 * A watcher binds a socket in the data folder and enters itself in the slot table; every process
 * looks there once per packet, which is one load, and sends copies to the watchers that want them.
 * No process waits for a watcher: copies that do not fit its socket are lost, and it notices by the
 * gap in their numbers. */
#ifndef POLLUX_WATCH_H
#define POLLUX_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

struct store;

#define WATCH_TEXT_MAX 16384 /* bytes of a packet; longer ones are cut off */

enum watch_kind {
	WATCH_IN = 'i',  /* a packet of the client */
	WATCH_OUT = 'o', /* a packet to the client */
	WATCH_OWN = 'h', /* to the client, from its transport: a heartbeat, 8::, .. */
	WATCH_END = 'x', /* the session has ended; the text is the reason */
};

/* Whose packets a watcher wants. */
enum watch_whose {
	WATCH_ALL,
	WATCH_SESSION,
	WATCH_CHANNEL, /* of sessions that are in this room or namespace when the packet passes */
	WATCH_USER     /* of sessions that are this user's then */
};

struct watch_wish {
	enum watch_whose whose;
	int64_t id;   /* the session's key, the channel, or watch_user() */
	bool has_own; /* also WATCH_OWN */
};

/* How a user is named in a wish. */
int64_t watch_user(struct slice user);

/* What precedes the text in a datagram; processes of one machine share its layout. */
struct watch_head {
	int64_t key;     /* of the session */
	uint32_t n;      /* bytes of the whole packet */
	uint32_t number; /* of this datagram, from its process to this watcher */
	int32_t slot;    /* of the process */
	char kind;       /* enum watch_kind */
	char unused[3];  /* 0 */
};

/* Send copies to the watchers that want them: `is_in` tells whether the session is in a channel.
 * Call it only if *slots_watcher_count() is not 0. */
void watch_packet(struct store *st, enum watch_kind kind, int64_t key, struct slice text,
    bool (*is_in)(const void *arg, int64_t key, int64_t chan), const void *arg);

/* Return a non-blocking descriptor to receive datagrams on, or -1 after logging why. */
int watch_open(struct store *st, const struct watch_wish *wish);
void watch_close(struct store *st, int fd);

#endif
