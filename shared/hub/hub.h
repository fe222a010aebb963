/* hub: the one door to sessions.  It joins the store, which all processes share, with the
 * transports that this process holds, and hands packets to the application.
 *
 * A session belongs to no process: any may look it up, receive for it and send to it.  One process
 * at a time holds its transport (the *sink*): a poll that waits, or an open stream.
 *
 * All work of one turn of the program's loop is one transaction, opened by the first call that
 * needs it and committed by hub_settle().  Sessions that only pass through live until then.
 *
 * A message goes through the log (DESIGN section 3) unless everyone it is for has a stream in this
 * very process; so a daemon that holds all members of a room touches no database for it. */
#ifndef POLLUX_HUB_H
#define POLLUX_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/hub/message.h"
#include "shared/store/store.h"
#include "shared/wire/packet.h"
#include "shared/wire/route.h"

struct hub;
struct session;

/* A namespace, as far as the hub knows it; the application's own struct begins with it. */
struct hub_ns {
	struct slice name; /* "" or "/chat" */
	int64_t chan;      /* store_channel(name, none) */
};

/* What the hub asks of the application.  `arg` is passed through. */
struct hub_app {
	void *arg;
	/* The namespace of this name, or NULL.  "" always exists. */
	struct hub_ns *(*find)(void *arg, struct slice name);
	/* May a session with this handshake (JSON) be made?  0, -EACCES, -EAGAIN (not now), or
	 * another negative errno. */
	int (*authorize)(void *arg, const char *handshake);
	/* May the session join the namespace, which it calls by `endpoint`?  The same; or
	 * -EINPROGRESS: hub_admit() or hub_refuse() will say so. */
	int (*authorize_ns)(void *arg, struct hub_ns *ns, struct session *s, struct slice endpoint,
	    struct slice query);
	void (*connected)(void *arg, struct hub_ns *ns, struct session *s, struct slice query);
	void (*disconnected)(void *arg, struct hub_ns *ns, struct session *s, const char *reason);
	/* A message, json or event packet. */
	void (*received)(void *arg, struct hub_ns *ns, struct session *s, const struct packet *pk);
	/* The answer to something that was sent with an ack; args.p NULL: none came in time. */
	void (*answered)(void *arg, struct hub_ns *ns, struct session *s,
	    const struct store_ack *ack, struct slice args);
	/* The session of the handshake that was authorized last exists now, in the open
	 * transaction.  0, or -1: the turn fails.  NULL is allowed. */
	int (*created)(void *arg, int64_t key);
	/* Do the actions (shared/action/action.h) of a row of the table action_in, in the open
	 * transaction.  What is wrong with them is logged.  NULL: the table is not looked at. */
	void (*act)(void *arg, int64_t row, struct slice json);
};

/* Why a session leaves its sink. */
enum sink_end {
	SINK_SUPERSEDED,   /* a newer transport took over: a poll ends with 8:: */
	SINK_DISCONNECTED, /* the session has ended: 0:: and the end */
	SINK_LOST,         /* the session does not exist any more: 7:::1+0 and the end */
	SINK_FAILED, /* the turn in which it opened was rolled back; the client may try again */
};

/* A transport that holds a session.  The ops only queue; they may not call the hub. */
struct sink_ops {
	/* Of a stream: one message. */
	void (*send)(void *sink, struct message *m);
	/* Of a poll: all that goes into its response; the session is free already.  When the
	 * response cannot be written, the transport calls hub_undelivered() with `key` and `gen`.
	 */
	void (*deliver)(
	    void *sink, struct message *const *messages, size_t n, int64_t key, int64_t gen);
	/* The session is free already; nothing follows. */
	void (*end)(void *sink, enum sink_end why);
	/* A sign of the client's life came by another way; NULL: of no interest. */
	void (*heard)(void *sink);
};

struct hub_options {
	int kind; /* of the program, for the slot table */
	const char *folder;
	struct hub_app app;
	/* This program runs no application.  It opens only a store that is there, keeps no house,
	 * and the ends that it asks for are carried out by the housekeeper, so that the application
	 * hears of them: at once, or within a second when another process is at it. */
	bool guest;
	int64_t close_timeout_ms, polling_duration_ms, handshake_timeout_ms;
	size_t bad_packets, queue_packets, queue_bytes, sessions, sessions_per_address, log_bytes;
};

/* Open the store and be ready.  NULL after logging why. */
struct hub *hub_open(const struct hub_options *options);
/* End what is held here (streams with "socket end") and close.  NULL is allowed. */
void hub_close(struct hub *h);

struct store *hub_store(struct hub *h);

/* Top of a turn: milliseconds of CLOCK_MONOTONIC. */
void hub_begin(struct hub *h, int64_t now_ms);
int64_t hub_now(const struct hub *h);

int hub_wake_fd(const struct hub *h);
void hub_wake(struct hub *h);

/* End of a turn: periodic work if due, reservations for polls, the commit, deliveries, wake-ups.
 * `*next_ms`: when the hub wants its next turn at the latest.  -1: the turn was rolled back, and
 * the transports that opened in it were told so. */
int hub_settle(struct hub *h, int64_t *next_ms);

/* --- sessions ------------------------------------------------------------------------------ */

enum hub_create_result {
	HUB_CREATED,
	HUB_UNAUTHORIZED, /* 403 */
	HUB_APP_ERROR,    /* 500 */
	HUB_BUSY,         /* 503: a limit is reached, or the store is not to be had */
};

/* Ask the application and make a session.  `handshake` is JSON text, NUL-terminated. */
enum hub_create_result hub_create(
    struct hub *h, const char *handshake, struct slice address, char sid[STORE_SID_SIZE]);
/* The same with an id that sid_generate() gave. */
enum hub_create_result hub_create_as(
    struct hub *h, const char *handshake, struct slice address, const char sid[STORE_SID_SIZE]);

enum hub_find_result {
	HUB_UNKNOWN,
	HUB_LIVE,
	HUB_ENDED,
	HUB_FAILED
};

/* Look a secret session id up.  On HUB_LIVE `*s` is valid until the end of the turn.  HUB_ENDED: it
 * was disconnected and must not come back; HUB_FAILED: the store failed (503). */
enum hub_find_result hub_find(struct hub *h, struct slice sid, struct session **s);

/* The same by key. */
enum hub_find_result hub_find_key(struct hub *h, int64_t key, struct session **s);

/* A transport opens: it becomes the session's sink, an older one ends.  The first one connects the
 * session (1::, connection event).  What waits is delivered: to a stream at once, to a poll by the
 * end of the turn.  Return 0, or -1 (503). */
int hub_attach(struct hub *h, struct session *s, enum transport_id transport, bool streaming,
    const struct sink_ops *ops, void *sink);

/* Connect a session that has no transport yet: a POST came before the first GET. */
int hub_connect(struct hub *h, struct session *s, enum transport_id transport);

/* The held poll is over without a message: its time is up (the transport answers 8::), or its peer
 * has left. */
void hub_detach(struct hub *h, struct session *s);

/* A response with messages did not reach the peer. */
void hub_undelivered(struct hub *h, int64_t key, int64_t gen);

/* One packet of the client.  Malformed ones are ignored and counted. */
void hub_receive(struct hub *h, struct session *s, struct slice packet);

/* The client has sent something by a request of its own: tell the stream that waits for a sign of
 * life, wherever it is held. */
void hub_heard(struct hub *h, struct session *s);

/* End the session: every joined namespace gets its disconnect once, the sink its end.
 * `remember`: the client's next poll is told 0:: and does not reconnect.  In a guest: later, and
 * remembered. */
void hub_end(struct hub *h, struct session *s, const char *reason, bool remember);

bool session_is_over(const struct session *s);
int64_t session_key(const struct session *s);
const char *session_sid(const struct session *s);
enum transport_id session_transport(const struct session *s);
/* Is this sink the one that holds the session now? */
bool session_has_sink(const struct session *s, const void *sink);
/* How many sessions have their transport in this process. */
unsigned hub_held(const struct hub *h);

/* --- namespaces and rooms ------------------------------------------------------------------ */

/* The endpoint as this client writes it ("/chat?x=1"), or the name. */
struct slice session_endpoint(const struct session *s, const struct hub_ns *ns);
/* Is the client itself in the namespace?  Not any more while its disconnect is being told: a packet
 * for a namespace that it has left would make it join again. */
bool session_hears(const struct session *s, const struct hub_ns *ns);
int hub_join(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room);
int hub_leave(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room);
/* The answers to a session that asked to join a namespace, once the application has made up its
 * mind. */
void hub_admit(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice endpoint, struct slice query);
void hub_refuse(struct hub *h, struct session *s, struct slice endpoint);
/* Leave a namespace by the server's will: 0::/chat to the client, disconnect event ("booted"). */
void hub_kick(struct hub *h, struct session *s, struct hub_ns *ns, const char *reason);

/* --- sending ------------------------------------------------------------------------------- */

/* Send an encoded packet to one session, or to a channel but for the session `except_key` (0: none
 * is left out).  0 or -1. */
int hub_send(struct hub *h, struct session *s, struct slice packet, bool is_volatile);
int hub_publish(
    struct hub *h, int64_t chan, int64_t except_key, struct slice packet, bool is_volatile);
/* The same, leaving out any number of sessions. */
int hub_publish_except(struct hub *h, int64_t chan, const int64_t *except, size_t except_n,
    struct slice packet, bool is_volatile);

/* The session of this key if its stream is held here, else NULL: it can be sent to without a
 * transaction. */
struct session *hub_stream_here(struct hub *h, int64_t key);

/* Open the turn's transaction if it is not open yet, for direct use of hub_store().  0 or -1. */
int hub_transaction(struct hub *h);
/* Such a use has failed: the turn cannot be committed. */
void hub_fail(struct hub *h);

#endif
