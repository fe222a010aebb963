/* hub: sessions.  It joins the store, which all processes share, with the transports that this
 * process holds, and hands packets to the application.
 *
 * A session belongs to no process: any may look it up, receive for it and send to it.  One
 * process at a time holds its transport (the *sink*): a poll that waits, or an open stream.
 *
 * All work of one turn of the program's loop is one transaction, opened by the first call that
 * needs it and committed by hub_turn_end().  A session found in a turn is valid until its end.
 *
 * A message goes through the log (schema.sql) unless all sessions that get it have a stream in this
 * very process; so a daemon that holds all members of a room touches no database for it.
 *
 * Functions that return int return 0, or -1: the turn is lost, as if by transaction_fail().
 * Nothing of it will be committed, the clients try again, and the caller need not report it.
 * Where -1 can mean something else too, the function says so. */
#ifndef POLLUX_HUB_H
#define POLLUX_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/hub/message.h"
#include "shared/store/ack_row.h"
#include "shared/store/session_row.h"
#include "shared/store/store.h"
#include "shared/wire/packet.h"
#include "shared/wire/route.h"

struct hub;
struct session;

/* A namespace, as far as the hub knows it; the application's own struct begins with it. */
struct hub_ns {
	struct slice name; /* "" or "/chat" */
	int64_t chan;      /* message_log_channel(name, none) */
};

/* What the hub asks of the application, and tells it.  `arg` is passed through. */
struct hub_app {
	void *arg;
	/* The namespace of this name, or NULL.  "" always exists. */
	struct hub_ns *(*find)(void *arg, struct slice name);
	/* May a session with this handshake (JSON) be made?  0, -EACCES, -EAGAIN (not now),
	 * -EINPROGRESS (SESSION_ASKED), or another negative errno. */
	int (*authorize)(void *arg, const char *handshake);
	/* May the session join the namespace, which it calls by `endpoint`?  The same; or
	 * -EINPROGRESS: membership_accept() or membership_refuse() follows. */
	int (*authorize_ns)(void *arg, struct hub_ns *ns, struct session *s, struct slice endpoint,
	    struct slice query);
	void (*connected)(void *arg, struct hub_ns *ns, struct session *s, struct slice query);
	void (*disconnected)(void *arg, struct hub_ns *ns, struct session *s, const char *reason);
	/* A message, json or event packet.  It may call receive_later(), before all else. */
	void (*received)(void *arg, struct hub_ns *ns, struct session *s, const struct packet *pk);
	/* The answer to a packet that was sent with an ack; args.p NULL: none came in time. */
	void (*answered)(void *arg, struct hub_ns *ns, struct session *s, const struct ack_row *ack,
	    struct slice args);
	/* A timer of the session is due (quota_set_timer()); context.p NULL: it has none.  May be
	 * NULL. */
	void (*timer)(void *arg, struct hub_ns *ns, struct session *s, struct slice name,
	    struct slice context);
	/* In one process of the whole deployment: do one thing that is due by the clock.  Return
	 * whether one was, and set `*next_ms` to when the next is, INT64_MAX: never.  NULL: there
	 * is nothing. */
	bool (*tick)(void *arg, int64_t *next_ms);
	/* A user comes with the first connected session that has the name, or goes with the last
	 * one: `key` is that session's, which may live on another node.  In the open transaction.
	 * May be NULL. */
	void (*user_changed)(void *arg, int64_t key, struct slice user, bool arrives);
	/* May a session be made that a token has admitted?  0, or -EAGAIN: not now.  NULL: 0. */
	int (*admits)(void *arg);
	/* The session of the handshake that was authorized last exists now, in the open
	 * transaction.  0, or -1: the turn fails.  May be NULL. */
	int (*created)(void *arg, int64_t key);
	/* Do the actions (shared/action/action.h) of a row of the table action_in, in the open
	 * transaction, and log what is wrong with them.  NULL: the table is not read. */
	void (*act)(void *arg, int64_t row, struct slice json);
};

struct hub_options {
	int kind; /* of the program, for the slot table */
	const char *folder;
	const char *group; /* that may use the folder, too; NULL or empty: none */
	struct hub_app app;
	/* The program runs no application (pollux).  It opens only a store that exists, leaves
	 * maintenance to others, and asks for ends instead of carrying them out, so that the
	 * application hears of them: the process that does maintenance ends them, at once or within
	 * a second. */
	bool no_app;
	bool maintains_last; /* does maintenance only if no other process has for a second */
	int prefers_kind; /* of programs, that does what is due by the clock if it runs; 0: any */
	int64_t close_timeout_ms, polling_duration_ms, handshake_timeout_ms, early_timeout_ms;
	size_t bad_packets, queue_packets, queue_bytes, sessions, sessions_per_address, log_bytes;
	size_t rooms_per_session, data_per_session, acks_per_session, timers_per_session;
	size_t early_packets, early_bytes;
	size_t mailbox_messages, mailbox_bytes, mailbox_total_bytes; /* of a user, and of all */
	int64_t mailbox_ms;                                          /* how long at most */
	/* Room histories: which by the configuration (room_list.h, borrowed; NULL: none), limits,
	 * and how long that of a room is kept that nobody is in. */
	const char *history;
	size_t history_messages, history_bytes, history_total_bytes, history_rooms;
	int64_t history_time_ms;
	/* percent of `sessions`: once more than the first are taken, an address has at most the
	 * second; 0: no limit */
	size_t address_share_from, address_share;
	const struct proxies *proxies; /* stand for any number of clients; borrowed; NULL: none */
	/* The node is part of a cluster; bytes that may wait for other nodes; without a sign of
	 * life for so long they take it for dead. */
	bool cluster;
	size_t link_bytes;
	int64_t link_timeout_ms;
	/* Something came from another node, or of one, for this process: enum link_kind and its
	 * body, which is borrowed.  During link_hear().  May be NULL. */
	void (*linked)(void *arg, unsigned char kind, struct slice body);
	void *linked_arg;
	/* A turn, or a part of it that commits by itself, is rolled back: what part_takes_back()
	 * of all that streams were sent must not reach their clients.  It must not call the hub.
	 * May be NULL. */
	void (*rolled_back)(void *arg);
	void *rolled_back_arg;
};

/* Open the store and be ready.  `options` is copied, its strings are borrowed.  NULL after logging
 * why; errno is EPROTONOSUPPORT if a newer version of Pollux uses the folder. */
struct hub *hub_open(const struct hub_options *options);
/* Commit, forget the sessions held here without a word to their sinks, and close.  Another process
 * then ends the streams ("socket end"); polls live on.  NULL is allowed. */
void hub_close(struct hub *h);

/* Take over the limits and times of `options`, as they are in a configuration that was read again,
 * and look at the level of the log; all else stays as it was opened. */
void hub_reload(struct hub *h, const struct hub_options *options);

struct store *hub_store(struct hub *h);
/* Milliseconds of CLOCK_MONOTONIC at the top of the turn. */
int64_t hub_now(const struct hub *h);
/* How many sessions have their transport in this process. */
unsigned hub_held(const struct hub *h);
/* Readable: call hub_turn_wake().  It may be another one after any turn. */
int hub_wake_fd(const struct hub *h);
/* Whether a newer version of Pollux has taken the folder over, or wants to: end the program.  Until
 * then no session is made. */
bool hub_is_outdated(const struct hub *h);

/* --- the turn ------------------------------------------------------------------------------- */

/* Top of a turn; `now_ms` of CLOCK_MONOTONIC. */
void hub_turn_begin(struct hub *h, int64_t now_ms);

/* Another process has something for us: read the log before this turn ends. */
void hub_turn_wake(struct hub *h);

/* End of a turn: read the log if woken, commit, answer polls, wake other processes, do what is due
 * from time to time.  `*next_ms`: when the hub wants its next turn at the latest.  -1: the turn was
 * rolled back.  SINK_FAILED was told to the transports that opened in it, to those whose packets it
 * lost (receive_from_stream()), and to those whose sessions it changed. */
int hub_turn_end(struct hub *h, int64_t *next_ms);

/* During rolled_back(): whether the message is undone. */
bool part_takes_back(const struct hub *h, const struct message *m);

/* Open the turn's transaction if it is not open yet, for direct use of hub_store().  Opening it
 * catches up with the log: memberships may change by it, and sessions may be over. */
int transaction_open(struct hub *h);
/* The same for all that can wait until another turn.  -1, and the turn is not lost: another program
 * holds a lock; a later hub_turn_begin() opens the transaction when it can be had. */
int transaction_open_now(struct hub *h);
/* The same before something that will need it, and may call transaction_open() or not.  0 also when
 * the turn is lost already. */
int transaction_try(struct hub *h);
/* What is done now would hold up other processes: end the transaction if nothing has used it. */
void transaction_let_go(struct hub *h);
/* Whether a lock has been waited for so long that requests are to be refused: transaction_open()
 * fails. */
bool transaction_gave_up(const struct hub *h);
/* Whether a lock is waited for: transaction_try() will say -1. */
bool hub_waits(const struct hub *h);
/* How often transaction_open() or transaction_fail() was called: to see what uses the store. */
unsigned hub_opens(const struct hub *h);
/* Such a use has failed: roll the turn back when it ends. */
void transaction_fail(struct hub *h);

/* A packet that a transport sends to its client by itself: for the log, and for those who watch. */
void hub_show_own(struct hub *h, int64_t key, struct slice packet);

/* --- making and finding sessions ------------------------------------------------------------ */

enum session_create_result {
	SESSION_CREATED,
	SESSION_UNAUTHORIZED, /* 403 */
	SESSION_APP_ERROR,    /* 500 */
	SESSION_BUSY,         /* 503: the store is unavailable, or the application is */
	SESSION_FULL,         /* 503: a limit is reached */
	SESSION_ASKED,        /* the application decides later, and session_create_as() follows */
};

/* Ask the application and make a session.  `handshake` is JSON text, NUL-terminated; `sid` gets the
 * secret session id. */
enum session_create_result session_create(
    struct hub *h, const char *handshake, struct slice address, char sid[STORE_SID_SIZE]);
/* Write an id for session_create_as().  0, or -1: the random generator failed. */
int session_create_sid(struct hub *h, char sid[STORE_SID_SIZE]);
/* The same with an id that session_create_sid() gave. */
enum session_create_result session_create_as(
    struct hub *h, const char *handshake, struct slice address, const char sid[STORE_SID_SIZE]);

/* What a token grants to the session that it admits. */
struct session_grant {
	struct slice user;  /* p NULL: none */
	struct slice rooms; /* JSON, as token_claims has it; p NULL: none */
	int64_t expires;    /* when it ends, ms of CLOCK_MONOTONIC; INT64_MAX: never */
};

/* As session_create(), but the application is not asked. */
enum session_create_result session_create_granted(struct hub *h, const char *handshake,
    struct slice address, const struct session_grant *grant, char sid[STORE_SID_SIZE]);

/* The namespace of status pages' sessions.  They are in no other one. */
#define SESSION_STATUS_NS "/pollux/status"

/* Make the session of a status page: the application is not asked, and no limit of sessions
 * applies, as who runs the server looks at it when it is full. */
enum session_create_result session_create_status(
    struct hub *h, const char *handshake, struct slice address, char sid[STORE_SID_SIZE]);

enum session_find_result {
	SESSION_UNKNOWN,
	SESSION_LIVE,
	SESSION_ENDED,     /* it was disconnected, and its client must not come back */
	SESSION_ELSEWHERE, /* another node has it, or may have it: see link.h; `*s` is void */
	SESSION_FAILED,    /* 503: the store failed */
};

/* Look a secret session id up.  `*s` is set on SESSION_LIVE and SESSION_ENDED. */
enum session_find_result session_find(struct hub *h, struct slice sid, struct session **s);

/* The same by key. */
enum session_find_result session_find_key(struct hub *h, int64_t key, struct session **s);

/* The session of this key if its stream is held here, else NULL.  Needs no transaction. */
struct session *session_stream_here(struct hub *h, int64_t key);

bool session_is_over(const struct session *s);
/* False: its first transport has not opened yet; it is in no namespace. */
bool session_is_connected(const struct session *s);
/* Has its client sent anything? */
bool session_has_spoken(const struct session *s);
/* Do messages wait for the end of the turn, to be given to its poll? */
bool session_has_pending(const struct session *s);
int64_t session_key(const struct session *s);
const char *session_sid(const struct session *s);
enum transport_id session_transport(const struct session *s);
/* Does it have a stream in this process, which needs no transaction to speak and to be heard? */
bool session_streams_here(const struct session *s);
/* Is this sink the one that holds the session now? */
bool session_has_sink(const struct session *s, const void *sink);

/* --- transports ----------------------------------------------------------------------------- */

/* Why a session leaves its sink. */
enum sink_end {
	SINK_SUPERSEDED,   /* a newer transport took over: a poll ends with 8:: */
	SINK_DISCONNECTED, /* the session has ended: 0:: and the end */
	SINK_MOVED,        /* it has ended here, and is to come back: 7:::+0 and the end */
	SINK_LOST,         /* the session does not exist any more: 7:::1+0 and the end */
	SINK_FAILED,       /* a turn that opened or changed it was rolled back; try again */
};

/* A transport that holds a session.  The ops only queue; they must not call the hub. */
struct sink_ops {
	/* Of a stream: one message. */
	void (*send)(void *sink, struct message *m);
	/* Of a poll: all that goes into its response; the session has left the sink.  When the
	 * response cannot be written, call session_undelivered() with `key` and `gen`. */
	void (*deliver)(
	    void *sink, struct message *const *messages, size_t n, int64_t key, int64_t gen);
	/* The session has left the sink; nothing follows. */
	void (*end)(void *sink, enum sink_end why);
	/* The client gave a sign of life by a request of its own.  NULL: not needed. */
	void (*heard)(void *sink);
	/* Read nothing from the client, or read on: session_pause().  NULL: it cannot. */
	void (*pause)(void *sink, bool paused);
};

/* A transport opens: it becomes the session's sink, an older one ends.  The first one connects
 * the session (1::, connection event).  What waits is delivered: to a stream at once, to a poll
 * by the end of the turn.  -1: answer 503; the session is over, its messages could not be read,
 * or the turn is lost.  The sink may hold the session even so (session_has_sink()):
 * session_detach() it.
 * If the session has ended (SESSION_ENDED) the sink gets what the client has not collected yet,
 * then 0::, and ends. */
int session_attach(struct hub *h, struct session *s, enum transport_id transport, bool streaming,
    const struct sink_ops *ops, void *sink);

/* Before session_attach() of a poll: the name of this request, 0 if it has none.  When a node dies
 * that had a poll, or its answer, the poll is repeated under the same name: then what it was
 * answered before has not arrived, and comes again. */
void session_attach_name(struct session *s, int64_t name);
/* The same if that poll is not held, as its client may have left: the next one gets it. */
void session_attach_again(struct hub *h, const struct session *s, int64_t name);

/* Another process goes on with the stream that is held here: let go of it, so that nothing that is
 * sent to it meanwhile is lost.  Its sink has got all that was sent before, and is not told.
 * session_attach() goes on where this ends, there or here, once the turn is committed; nobody
 * notices.  A rollback leaves the stream with no process: it ends.  `*gen` names this state.
 * 0, or -1: it is not held here any more, or the turn is lost. */
int session_handover_give(struct hub *h, struct session *s, int64_t *gen);
/* Before session_attach(): whether it still waits since it was given. */
bool session_handover_waits(const struct session *s, int64_t gen);

/* Connect a session that has no transport yet: a POST came before the first GET. */
int session_connect(struct hub *h, struct session *s, enum transport_id transport);

/* The sink is about to go: a held poll is over without a message (the transport answers 8::), or
 * the peer has left. */
void session_detach(struct hub *h, struct session *s);

/* Have the session's stream read nothing from the client, or read on.  True: it is held here and
 * does so; false: the client sends by requests of its own, or to another process. */
bool session_pause(struct session *s, bool paused);

/* A response with messages did not reach the peer: keep them for the next poll. */
void session_undelivered(struct hub *h, int64_t key, int64_t gen);

/* One packet of the client.  Malformed ones are ignored and counted.  False: it needs the store,
 * which cannot be had now (transaction_try()): give it again in a later turn, before any other of
 * this session.  Never for a session that was found in this turn. */
bool receive_packet(struct hub *h, struct session *s, struct slice packet);

/* The same of a packet that came on the session's own stream, which no answer tells that the turn
 * has failed: if the packet is lost by that, the stream ends (SINK_FAILED), and soon its session.
 */
bool receive_from_stream(struct hub *h, struct session *s, struct slice packet);

/* The application cannot handle the packet before transaction_try() says 0. */
void receive_later(struct hub *h);

/* The client sent something by a request of its own: tell the stream that waits for a sign of
 * life, in whatever process. */
void session_heard(struct hub *h, struct session *s);

/* End the session: each joined namespace gets its disconnect once, the sink what was sent before
 * and its end.  `remember`: the client's next poll is told 0:: and does not reconnect.  With
 * no_app: later, and remembered. */
void session_end(struct hub *h, struct session *s, const char *reason, bool remember);

/* The same, but the client is told to come back with a new handshake; a poll, when it comes next.
 * The session is open, and no other node's; not with no_app. */
void session_move(struct hub *h, struct session *s, const char *reason);

/* --- namespaces and rooms ------------------------------------------------------------------- */

/* 0; -1: the session is over, or the turn is lost; or -EDQUOT, from membership_join(): the session
 * is in rooms_per_session rooms, which is logged. */
int membership_join(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room);
/* The same; unless the session is in the room already it gets the room's last `history` messages,
 * in order and before anything newer in the room; -1: as many as the configuration says, which
 * membership_join() does. */
int membership_join_history(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice room, int history);
int membership_leave(struct hub *h, struct session *s, struct hub_ns *ns, struct slice room);

/* The application's answer to a client that asked to join a namespace by `endpoint`. */
void membership_accept(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice endpoint, struct slice query);
void membership_refuse(struct hub *h, struct session *s, struct slice endpoint);

/* Take the session out of a namespace and its rooms: disconnect event, and 0::/chat to the client.
 */
void membership_kick(struct hub *h, struct session *s, struct hub_ns *ns, const char *reason);

/* Call `each` with the channel of every room of the namespace that the session is in. */
void membership_each_room(const struct session *s, const struct hub_ns *ns,
    void (*each)(void *arg, int64_t chan), void *arg);

/* May packets of the namespace be sent to the client?  Not any more while the application is told
 * of its disconnect: a packet for a namespace that it has left would make it join again. */
bool membership_hears(const struct session *s, const struct hub_ns *ns);

/* --- values and acks: what the application keeps for a session ------------------------------ */

/* Name the user of a session; p NULL: none.  0 or -1. */
int quota_set_user(struct hub *h, int64_t key, struct slice user);

/* Set a value (session_data.h).  0; -EDQUOT: more than data_per_session, which is logged; or -EIO:
 * the turn is lost. */
int quota_set_value(struct hub *h, int64_t key, struct slice name, struct slice value);

/* Delete one.  0 or -1. */
int quota_delete_value(struct hub *h, int64_t key, struct slice name);

/* Expect an ack; see ack_row_add().  0; -EDQUOT: more than acks_per_session, which is logged; or
 * -EIO: the turn is lost. */
struct quota_ack {
	struct slice ns, handler, context; /* context.p NULL: none */
	int64_t deadline;                  /* 0: none */
};
int quota_add_ack(struct hub *h, int64_t key, const struct quota_ack *ack, int64_t *id);

/* Call the application's `timer` for the session in `ms`, wherever the session is then; in the
 * place of a timer of this name.  0; -EDQUOT: more than timers_per_session, which is logged; or
 * -EIO: the turn is lost. */
struct quota_timer {
	struct slice ns, name, context; /* context.p NULL: none */
	int64_t ms;
};
int quota_set_timer(struct hub *h, int64_t key, const struct quota_timer *timer);
/* Drop it, if it is there.  0 or -1. */
int quota_drop_timer(struct hub *h, int64_t key, struct slice ns, struct slice name);

/* --- sending -------------------------------------------------------------------------------- */

/* Send an encoded packet to one session.  0 for a session that is over, too. */
int hub_publish_session(struct hub *h, struct session *s, struct slice packet, bool is_volatile);
/* To all members of a channel but the session `except_key` (0: to all). */
int hub_publish_channel(
    struct hub *h, int64_t chan, int64_t except_key, struct slice packet, bool is_volatile);
/* The same, leaving out any number of sessions. */
int hub_publish_except(struct hub *h, int64_t chan, const int64_t *except, size_t except_n,
    struct slice packet, bool is_volatile);
/* The same to the members on this node only: another node has sent it. */
int hub_publish_here(struct hub *h, int64_t chan, const int64_t *except, size_t except_n,
    struct slice packet, bool is_volatile);

#endif
