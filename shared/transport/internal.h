/* internal: what the files of the transports share.  Only shared/transport/ includes it. */
#ifndef POLLUX_TRANSPORT_INTERNAL_H
#define POLLUX_TRANSPORT_INTERNAL_H

#include <sys/queue.h>

#include "shared/action/application.h"
#include "shared/base/buf.h"
#include "shared/hub/hub.h"
#include "shared/store/counters.h"
#include "shared/transport/answer.h"
#include "shared/transport/heartbeat.h"
#include "shared/transport/server.h"
#include "shared/transport/strays.h"
#include "shared/transport/transport.h"
#include "shared/transport/ways.h"
#include "shared/transport/websocket.h"
#include "shared/wire/route.h"

struct clientfile;
struct pending_answer;
struct publish_keys;
struct token_keys;
struct relay;

/* Packets that say how a session goes on (PROTOCOL 8, 14). */
#define HEARTBEAT_PACKET       SLICE("2::")
#define NOOP_PACKET            SLICE("8::")     /* of a poll: come back at once */
#define DISCONNECT_PACKET      SLICE("0::")     /* the session has ended, do not come back */
#define UNKNOWN_SESSION_PACKET SLICE("7:::1+0") /* come back with a new handshake */
#define RECONNECT_PACKET       SLICE("7:::+0")  /* the same, of a session that ends here */

#define BODY_TOO_LARGE "The body is larger than this server accepts." /* 413 */

/* In all queues with a deadline the wait is equally long, so the first is always due first. */
TAILQ_HEAD(poll_queue, poll);
TAILQ_HEAD(stream_queue, stream);
LIST_HEAD(stream_list, stream);
TAILQ_HEAD(late_post_queue, late_post);
LIST_HEAD(handshake_list, pending_handshake);

/* A client that has tried wrong keys at the status page: status_tries.c. */
struct status_try {
	int64_t who;     /* address_network(); 0: none */
	int64_t free_at; /* when it may try as often as anybody, ms */
};
#define STATUS_TRIES 64

/* What a process keeps for the status page: status.h. */
struct server_status {
	struct hub_ns ns;      /* of the page's sessions */
	int64_t published_due; /* when the figures are due that this process publishes next, ms; 0:
	                        * another one does */
	int64_t cost_ms;       /* how long it took to collect them */
	struct status_log_state {
		int64_t size, changed_ns;
		uint64_t inode;
	} log; /* of the log file, when the pages got its last lines */
	struct status_try tries[STATUS_TRIES];
};

struct server {
	const struct config *cfg;
	struct proxies proxies;
	enum server_kind kind;
	struct application *application;
	struct hub *hub;
	struct ways *ways;
	struct publish_keys *publish_keys; /* NULL: the publishing interface is off */
	struct token_keys *token_keys;     /* of [auth] */
	struct server_status status;       /* of the status page */
	struct relay *relay;               /* NULL: the node is in no cluster */
	/* server_request_here(), for the relay, which is below it */
	bool (*serve_here)(struct server *sv, struct exchange *x);
	unsigned enabled;        /* bit set of 1 << enum transport_id */
	int64_t now;             /* of this turn, ms */
	int64_t application_due; /* when its own work is, which may need the store */
	bool draining;
	bool leaving;                 /* server_hand_over() */
	bool sends_off;               /* server_send_off() */
	void (*take_back)(void *arg); /* server_on_rollback() */
	void *take_back_arg;
	bool wsd_alive;
	int64_t wsd_checked_at;                  /* when wsd_alive was found out; 0: never */
	struct poll_queue polls;                 /* held for their session */
	struct poll_queue delayed;               /* not served now: answered in a while */
	struct strays strays;                    /* what unknown sessions polls are for */
	struct stream_queue streams;             /* by the time they end at the latest */
	struct stream_list unsettled;            /* those with something for after the commit */
	struct late_post_queue late_posts;       /* of clients that are slowed */
	struct handshake_list handshakes;        /* the application has been asked about them */
	struct heartbeat_queue beating, waiting; /* see heartbeat.h */
	struct heartbeat *resumed;               /* in `beating`: by heartbeat_resume(), the last */
	/* shared by all websockets that they are sent to */
	struct message *heartbeat_packet, *disconnect_packet, *unknown_session_packet;
	struct message *reconnect_packet;
	/* answers that wait for the end of the turn, and their texts: answer.c */
	struct pending_answer *pending;
	size_t pending_n, pending_cap;
	struct buf pending_bytes;
	struct buf text, wrapped, headers; /* scratch */
};

/* Whether the setting `transports` names it. */
static inline bool
server_enables(const struct server *sv, enum transport_id id)
{
	return (sv->enabled & 1u << id) != 0;
}

/* server_try(). */
static inline bool
server_has_store(struct server *sv)
{
	return sv->draining || transaction_try(sv->hub) == 0;
}

static inline void
server_count(struct server *sv, enum counter counter)
{
	counters_count(store_slots(hub_store(sv->hub)), counter);
}

/* Read the setting `transports` into a bit set.  0, or -1 after logging which name is wrong. */
int server_check_transports(const struct config *cfg, unsigned *enabled);

/* A program whose application is part of it cannot have a web hook: 0, or -1 after logging that one
 * is configured. */
int server_check_linked(const struct config *cfg);

/* Warn of settings that have no effect because of another one. */
void server_check_unused(const struct config *cfg);

/* --- requests: each is answered or held ----------------------------------------------------- */

void handshake_request_handle(struct server *sv, struct exchange *x, const struct route *route);
void post_handle(
    struct server *sv, const struct transport *t, struct exchange *x, const struct route *route);
/* The answer to a POST whose packets are taken. */
struct answer post_taken(struct slice origin);
/* Return false when the session is unknown or has ended, and the client did not say ?disconnect. */
bool post_disconnect(struct server *sv, struct exchange *x, const struct route *route);
/* Return false when the path is not that of a file of the browser's client. */
bool static_files_serve(struct server *sv, struct exchange *x, const struct route *route);
/* Answer with a file of [client] folder, or why it cannot be. */
void static_files_answer(struct server *sv, struct exchange *x, const struct clientfile *file);

/* Append the JSON object that the application sees of a handshake (PROTOCOL 4.6) and a NUL.  It is
 * kept with the session, so it has at most `most` bytes: the URL, then headers are left out when
 * they do not fit.  Return the number of headers left out, or -1 when the query does not fit. */
int handshake_json_write(
    struct buf *out, const struct exchange *x, const struct route *route, size_t most);

/* Find and check the token of a handshake ([auth]).  A session is made with what it grants. */
enum handshake_token_result {
	HANDSHAKE_TOKEN_NONE,    /* there is none: the application decides */
	HANDSHAKE_TOKEN_REFUSED, /* it is wrong, or must be there; it is logged */
	HANDSHAKE_TOKEN_ADMITS,  /* `*result` is set, and `sid` if it is SESSION_CREATED */
};
enum handshake_token_result handshake_token_admit(struct server *sv, const struct exchange *x,
    const struct route *route, enum session_create_result *result, char sid[STORE_SID_SIZE]);

/* --- deadlines: act on those that have passed; the next one, INT64_MAX for none ------------- */

bool polling_is_due(const struct server *sv);
bool streaming_is_due(const struct server *sv);
int64_t polling_expire(struct server *sv);
int64_t streaming_expire(struct server *sv);

/* The settings may have changed: shorter times apply to what is held, too. */
void polling_reload(struct server *sv);
void streaming_reload(struct server *sv);

/* --- POSTs that are answered late ----------------------------------------------------------- */

/* Before the end of the turn: answer those whose clients are not slowed any more. */
void post_run(struct server *sv);
/* After it: what the new ones report is committed, or they are answered 503. */
void post_settle(struct server *sv, bool committed);

/* --- streams: what they are sent waits for the commit --------------------------------------- */

/* It is done, or a part of it was undone: hand what is left of it on. */
void streaming_settle(struct server *sv);
/* Forget what part_takes_back(). */
void streaming_take_back(struct server *sv);

/* --- shutdown: answer what is held ---------------------------------------------------------- */

void polling_drain(struct server *sv);
void post_drain(struct server *sv);
void handshake_request_drain(struct server *sv);

/* What tells a request from all others, unless it is repeated: a hash of the name that a balancer
 * has given it, or what the relay has; 0: none. */
int64_t polling_request_name(const struct exchange *x);

#endif
