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
#include "wsd/rest.h"
#include "wsd/wsd.h"

enum conn_state {
	CONN_NEW,      /* nothing has arrived yet */
	CONN_POLICY,   /* a request for the Flash policy, or its beginning: in `rest` */
	CONN_HTTP,     /* requests and answers: `http` is set */
	CONN_OPEN,     /* a websocket: `dialect` and `ws` are set */
	CONN_ENDING,   /* a websocket that its peer has ended: first what the hub still has for it,
	                * then the goodbye */
	CONN_FLUSHING, /* the last bytes are queued */
	CONN_DRAINING, /* they are out, and so is our FIN: a plain close would reset, and the peer
	                * lose what it has not read */
	CONN_CLOSED,   /* to be told to the hub, then freed */
};

struct conn {
	struct ev_io io;
	struct wsd *wsd;
	struct http *http;             /* owned; CONN_HTTP, and CONN_CLOSED behind it */
	const struct dialect *dialect; /* of a websocket, from its upgrade on */
	void *held;                    /* the dialect's, between the fragments of a message */
	struct rest *rest;             /* owned; of a frame; NULL: none */
	struct outqueue *out;          /* owned; NULL: nothing waits to be written */
	const char *reason;            /* static; why it ended, for the application */
	struct websocket ws;

	LIST_ENTRY(conn) all;
	SLIST_ENTRY(conn) dirty;
	SLIST_ENTRY(conn) after;
	SLIST_ENTRY(conn) dead;
	STAILQ_ENTRY(conn) hungry;
	TAILQ_ENTRY(conn) wait;
	int64_t deadline_at;

	uint32_t turn;   /* in which it became a websocket ... */
	uint32_t before; /* ... behind so many messages: where a rollback cuts */
	uint16_t code;   /* CONN_ENDING: of the close frame */
	uint8_t state;   /* enum conn_state */
	uint8_t waits;   /* enum deadline */
	bool is_dirty : 1;
	bool is_after : 1;
	bool is_dead : 1;
	bool is_hungry : 1;
	bool granted : 1;  /* the head of a 101 was sent ahead of the session */
	bool attached : 1; /* the transport has `ws` */
	bool blocked : 1;  /* the kernel takes no more: EV_WRITE is watched */
	bool eof : 1;      /* the peer has sent its FIN */
};

/* Watch a new connection.  Owns `fd`, on failure too. */
void conn_open(struct wsd *w, int fd);

/* Let a connection that is one too many have a 503.  Owns `fd`. */
void conn_refuse(struct wsd *w, int fd);

/* End a connection; from any depth, even twice.  It is told to the hub and freed later.
 * `reason` is static. */
void conn_close(struct conn *c, const char *reason);

/* Queue a message as it stands; takes over the reference, and NULL for "out of memory". */
void conn_send(struct conn *c, struct message *m);

/* Nothing more will be queued: write what is, then end in order. */
void conn_finish(struct conn *c);

/* What is queued from here on is void if the turn is rolled back. */
void conn_mark(struct conn *c);
bool conn_marked(const struct conn *c);

/* Read what has arrived. */
void conn_read(struct conn *c);

/* Write what is queued. */
void conn_flush(struct conn *c);

/* Watch what the state asks for. */
void conn_watch(struct conn *c);

/* Put it on the list of those that have to be written, or told about. */
void conn_set_dirty(struct conn *c);
void conn_set_after(struct conn *c);

/* Its turn on the second list has come. */
void conn_after(struct conn *c);

/* The commit has failed: it does not become a websocket in this turn. */
void conn_rollback(struct conn *c);

/* Its deadline has passed. */
void conn_expire(struct conn *c);

/* SIGTERM: end it if it is idle. */
void conn_drain(struct conn *c);

/* Free one that is CONN_CLOSED, on no list but that of all. */
void conn_free(struct conn *c);

#endif
