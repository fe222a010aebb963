/* conn: one TCP connection, from accept to close, whatever it speaks.
 *
 *	 ,---> POLICY -------------------.
 *	 |      v                         v
 *	NEW -> HTTP -> OPEN -> ENDING -> FLUSHING -> DRAINING -> CLOSED
 *	         \________________________^
 *
 * Every arrow to CLOSED may be taken early.  An idle websocket is this struct and nothing else:
 * what reading and writing need is borrowed, or allocated while something is under way. */
#ifndef POLLUX_WSD_CONN_H
#define POLLUX_WSD_CONN_H

#include "shared/transport/websocket.h"
#include "wsd/partial.h"
#include "wsd/wsd.h"

enum wsd_conn_state {
	WSD_CONN_NEW,    /* nothing has arrived yet */
	WSD_CONN_POLICY, /* a request for the Flash policy, or its beginning: in `partial` */
	WSD_CONN_HTTP,   /* requests and answers: `http` is set */
	WSD_CONN_OPEN,   /* a websocket: `dialect` and `ws` are set */
	WSD_CONN_ENDING, /* a websocket that its peer has ended: first what the hub still has for it,
	                * then the close_frame */
	WSD_CONN_FLUSHING, /* the last bytes are queued */
	WSD_CONN_DRAINING, /* they are out, and so is our FIN: a plain close would reset, and the peer
	                * lose what it has not read */
	WSD_CONN_CLOSED,   /* to be told to the hub, then freed */
};

struct wsd_conn {
	struct ev_io io;
	struct wsd *wsd;
	struct wsd_http *http;         /* owned; WSD_CONN_HTTP, and WSD_CONN_CLOSED behind it */
	const struct dialect *dialect; /* of a websocket, from its upgrade on */
	void *held;                    /* the dialect's, between the fragments of a message */
	struct partial *partial;       /* owned; of a frame; NULL: none */
	struct outqueue *out;          /* owned; NULL: nothing waits to be written */
	const char *reason;            /* static; why it ended, for the application */
	struct websocket ws;

	LIST_ENTRY(wsd_conn) all;
	SLIST_ENTRY(wsd_conn) dirty;
	SLIST_ENTRY(wsd_conn) after;
	SLIST_ENTRY(wsd_conn) dead;
	STAILQ_ENTRY(wsd_conn) unread;
	TAILQ_ENTRY(wsd_conn) wait;
	int64_t deadline_at;

	uint32_t turn;   /* in which it became a websocket ... */
	uint32_t before; /* ... behind so many messages: where a rollback cuts */
	uint16_t code;   /* WSD_CONN_ENDING: of the close frame */
	uint8_t state;   /* enum wsd_conn_state */
	uint8_t waits;   /* enum deadline */
	bool is_dirty : 1;
	bool is_after : 1;
	bool is_dead : 1;
	bool is_unread : 1;
	bool granted : 1;  /* the head of a 101 was sent ahead of the session */
	bool attached : 1; /* the transport has `ws` */
	bool blocked : 1;  /* the kernel takes no more: EV_WRITE is watched */
	bool eof : 1;      /* the peer has sent its FIN */
};

/* Watch a new connection.  Owns `fd`, on failure too. */
void wsd_conn_open(struct wsd *w, int fd);

/* Let a connection that is one too many have a 503.  Owns `fd`. */
void wsd_conn_refuse(struct wsd *w, int fd);

/* End a connection; from any depth, even twice.  It is told to the hub and freed later.
 * `reason` is static. */
void wsd_conn_close(struct wsd_conn *c, const char *reason);

/* Queue a message as it stands; takes over the reference, and NULL for "out of memory". */
void wsd_conn_send(struct wsd_conn *c, struct message *m);

/* Nothing more will be queued: write what is, then end in order. */
void wsd_conn_finish(struct wsd_conn *c);

/* What is queued from here on is void if the turn is rolled back. */
void wsd_conn_mark(struct wsd_conn *c);
bool wsd_conn_marked(const struct wsd_conn *c);

/* Read what has arrived. */
void wsd_conn_read(struct wsd_conn *c);

/* Write what is queued. */
void wsd_conn_flush(struct wsd_conn *c);

/* Watch what the state asks for. */
void wsd_conn_watch(struct wsd_conn *c);

/* Put it on the list of those that have to be written, or told about. */
void wsd_conn_set_dirty(struct wsd_conn *c);
void wsd_conn_set_after(struct wsd_conn *c);

/* Its turn on the second list has come. */
void wsd_conn_after(struct wsd_conn *c);

/* The commit has failed: it does not become a websocket in this turn. */
void wsd_conn_rollback(struct wsd_conn *c);

/* Its deadline has passed. */
void wsd_conn_expire(struct wsd_conn *c);

/* SIGTERM: end it if it is idle. */
void wsd_conn_drain(struct wsd_conn *c);

/* Free one that is WSD_CONN_CLOSED, on no list but that of all. */
void wsd_conn_free(struct wsd_conn *c);

#endif
