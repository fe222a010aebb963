/* config: the settings of all programs, from INI files (libinih) and the environment.
 *
 * Names are those of socket.io 0.9 with underscores.  An unknown section or key, or a value out of
 * range, is an error with file and line.  Later files win; POLLUX_<SECTION>_<KEY> in the
 * environment wins over all files.
 *
 *	[protocol]
 *	heartbeat_interval = 25      ; seconds, or 0.5; so are all fields that end in _ms below
 *	origins = example.com:80     ; lists and texts continue in indented lines
 *	    www.example.com:*
 *	[limits]
 *	body_bytes = 1M              ; k, M, G
 *	[store]
 *	data = data                  ; relative paths start at the folder of this file, and those
 *	                             ; in the environment at the working folder
 *
 * A field is named after its key; sections whose keys would clash come first ([hook] url is
 * hook_url).  Defaults and ranges: config_table.c.  A line has at most about 198 characters
 * (libinih); a value from the environment has no such limit. */
#ifndef POLLUX_CONFIG_H
#define POLLUX_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/log.h"

#define CONFIG_PATH_MAX 512
#define CONFIG_TEXT_MAX 1024

#define CONFIG_NODE_MAX 32 /* of the name of a node: a-z, 0-9 and - */

#define CONFIG_LIMIT_AUTO SIZE_MAX /* of a limit: to be chosen by the program */

#define CONFIG_ERROR_MAX 8192 /* for what is wrong with a configuration */

enum config_switch {
	CONFIG_AUTO,
	CONFIG_YES,
	CONFIG_NO
};

enum config_tls {
	CONFIG_TLS_1_0,
	CONFIG_TLS_1_1,
	CONFIG_TLS_1_2,
	CONFIG_TLS_1_3
};

#define CONFIG_RELAY_NAME 64 /* of a namespace or event in [relay], with its NUL */
#define CONFIG_RELAYS_MAX 64

/* A line of [relay "/chat"]: an event that is passed from client to clients.  At most so many, and
 * so many bytes of it, a second and session: see config_relay.h. */
struct config_relay {
	char ns[CONFIG_RELAY_NAME], event[CONFIG_RELAY_NAME];
	size_t events, bytes;
	bool to_all; /* in the namespace; else to those who share a room with the sender */
	bool is_volatile;
};

struct config {
	/* [protocol]; seconds with fractions in files, as in 0.9 */
	int64_t heartbeat_interval_ms;
	int64_t heartbeat_timeout_ms;
	int64_t close_timeout_ms;
	int64_t polling_duration_ms;
	/* How long a stream (htmlfile, xhr-multipart) lasts; its client then makes a new
	 * session.  Shorter than the web server's limit for a request: mod_fcgid's
	 * FcgidBusyTimeout is 300. */
	int64_t htmlfile_duration_ms;
	int64_t handshake_timeout_ms;     /* how long an unused session id lives */
	char transports[CONFIG_TEXT_MAX]; /* enabled and advertised, in this order; separated by
	                                   * single commas.  transport/ knows the names */
	char resource[CONFIG_TEXT_MAX];   /* "socket.io", without slashes around it */
	char origins[CONFIG_TEXT_MAX];    /* see base/origins.h */
	bool match_origin_protocol;       /* hixie: the scheme of the Location is wss for a page
	                                   * from https */

	/* [limits] */
	size_t body_bytes;           /* of a POST; more: 413 */
	size_t message_bytes;        /* of one websocket message; more: close 1009 */
	size_t header_bytes;         /* of a request's head on wsd's port; more: 431 */
	size_t handshake_bytes;      /* of what a session keeps of its handshake, as JSON */
	size_t packets_per_payload;  /* the rest of the body is dropped */
	size_t bad_packets;          /* of one session; more end it */
	size_t queue_packets;        /* unread by one session; more end it */
	size_t queue_bytes;          /* the same in bytes */
	size_t early_packets;        /* of one session, for namespaces that it has not joined yet */
	size_t early_bytes;          /* the same in bytes */
	int64_t early_timeout_ms;    /* how long they wait for that */
	size_t sessions;             /* in all; more: handshakes get 503 */
	size_t sessions_per_address; /* 0: no limit */
	size_t address_share_from;  /* percent of `sessions`: once more are taken, an address ... */
	size_t address_share;       /* ... has at most this percent; 0: no limit */
	size_t rooms_per_session;   /* that it is in at once */
	size_t data_per_session;    /* bytes of the values that the application sets */
	size_t acks_per_session;    /* that it owes at once */
	size_t mailbox_messages;    /* kept for a user who is away */
	size_t mailbox_bytes;       /* the same in bytes */
	size_t mailbox_total_bytes; /* of all users */
	int64_t mailbox_ms;         /* how long they are kept at most */
	size_t history_messages;    /* kept of a room at most */
	size_t history_bytes;       /* the same in bytes */
	size_t history_total_bytes; /* of all rooms; more drop those used the longest ago */
	size_t history_rooms;       /* that have a history */
	size_t timers_per_session;  /* that it has at once */
	size_t connections;         /* of wsd; 0: what the descriptor limit allows */
	int64_t request_timeout_ms; /* until a request to wsd must be complete */
	int64_t send_timeout_ms;    /* a peer that does not read for so long is dropped */

	/* [room] */
	char room_history[CONFIG_TEXT_MAX]; /* see room_list.h; empty: only where a join asks */
	int64_t room_history_time_ms; /* how long the history of a room nobody is in is kept */

	/* [server] */
	char trusted_proxies[CONFIG_TEXT_MAX]; /* see proxies.h */

	/* [store] */
	char data[CONFIG_PATH_MAX]; /* folder of the database and the wake-up sockets */
	char store_group[64];       /* that may use it, too; empty: its owner alone */
	size_t log_bytes;           /* of message text kept at most */

	/* [app] */
	char module[CONFIG_PATH_MAX]; /* the application, a shared object; empty: none */
	int64_t authorize_timeout_ms; /* of a verdict that it gives later */

	/* [hook]: the application as a URL (docs/hook.md) instead of a module */
	char hook_url[CONFIG_TEXT_MAX];        /* http://, https:// or unix:/path.sock:/uri;
	                                        * empty: none */
	char hook_secret[CONFIG_TEXT_MAX];     /* whsec_..; two while one replaces the other */
	char hook_namespaces[CONFIG_TEXT_MAX]; /* /chat,/x; "" always exists */
	char hook_events[CONFIG_TEXT_MAX];     /* to be sent: connect, disconnect, message, json,
	                                        * event, event:say, event:order.*, ack; "": all */
	char hook_headers[CONFIG_TEXT_MAX];    /* of a handshake, to be sent */
	bool hook_authorize;                   /* ask about handshakes */
	bool hook_authorize_namespaces;        /* ask about joining namespaces */
	bool hook_authorize_on_error;          /* accept when the hook does not answer */
	int64_t hook_tick_ms;                  /* how often a tick is sent; 0: never */
	size_t hook_queue_events;              /* waiting for the hook */
	size_t hook_queue_bytes;
	size_t hook_max_in_flight; /* requests at once */
	int64_t hook_connect_timeout_ms;
	int64_t hook_timeout_ms;           /* of a whole request */
	int64_t hook_authorize_timeout_ms; /* of a whole authorize request */
	int64_t hook_retry_for_ms;         /* how long an event is retried */
	size_t hook_session_events;        /* of one session, waiting for the hook */
	size_t hook_session_bytes;
	size_t hook_event_attempts; /* that fail, of an event alone */

	/* [auth]: tokens that admit a session without the application, see action/token.h */
	char jwt_secret[CONFIG_TEXT_MAX];     /* of 32 bytes and more, for HS256; empty: none.
	                                       * Several while one replaces the other */
	char jwt_public_key[CONFIG_PATH_MAX]; /* PEM file, for RS256; empty: none */
	char jwt_query[64], jwt_cookie[64];   /* where the token is; empty: not there */
	char jwt_rooms[64];                   /* the claim with rooms to join; empty: none */
	char jwt_issuer[CONFIG_TEXT_MAX];     /* that a token must have; empty: any */
	char jwt_audience[CONFIG_TEXT_MAX];   /* the same; empty: none */
	int64_t jwt_leeway_ms;                /* that clocks may differ by */
	/* Whether a client without a token is refused; auto: unless an application authorizes */
	enum config_switch jwt_required;

	/* [relay "..."] */
	struct config_relay relays[CONFIG_RELAYS_MAX];
	size_t relays_n;

	/* [client] */
	char client_folder[CONFIG_PATH_MAX]; /* socket.io.js and the other files that browsers get
	                                      * from us; empty: none */

	/* [fcgi] */
	char fcgi_listen[CONFIG_PATH_MAX]; /* unix:/path or host:port; empty: started by the web
	                                    * server */
	/* Whether streams (htmlfile) are offered.  The web server must pass on every piece at once,
	 * which we cannot see: mod_fcgid needs FcgidOutputBufferSize 0.  auto: only if we listen on
	 * an address of our own. */
	enum config_switch fcgi_streaming;
	/* How many sessions have their poll or stream held at once, by all pollux.fcgi of the data
	 * folder together; 0: any number.  CONFIG_LIMIT_AUTO: 16 if the web server starts the
	 * program, which then needs a process for each, else any number. */
	size_t fcgi_max_held_polls;
	size_t fcgi_readers; /* threads at most, for requests that arrive in pieces */

	/* [wsd] */
	char wsd_listen[CONFIG_TEXT_MAX]; /* host:port, several separated by blanks */
	size_t wsd_workers;               /* processes; 0: one per core */
	size_t wsd_max_held_requests;     /* the same as fcgi_max_held_polls, by all pollux-wsd */
	size_t wsd_queue_memory;          /* bytes of all queues together; more drop the longest */
	int64_t wsd_handover_timeout_ms;  /* what cannot be handed over is served so long */
	/* Whether websockets are offered to clients that come through the web server, which must
	 * pass upgrades on; auto: probe whether it does. */
	enum config_switch wsd_reachable;
	/* With TLS: addresses as wsd_listen, none if empty; a PEM file, with the certificates that
	 * sign the first; its private key, in the same file if empty; older versions are refused */
	char wsd_tls_listen[CONFIG_TEXT_MAX];
	char wsd_certificate[CONFIG_PATH_MAX];
	char wsd_key[CONFIG_PATH_MAX];
	enum config_tls wsd_tls_min;

	/* [policyd] */
	char policyd_listen[CONFIG_TEXT_MAX]; /* as [wsd] listen.  By default the ports that old and
	                                       * new clients ask first (PROTOCOL 13) */
	char policyd_user[64]; /* to run as when started by root; empty: pollux, or nobody if there
	                        * is no such user */
	char policyd_chroot[CONFIG_PATH_MAX]; /* empty: an empty folder without a name; "/": none */
	char policyd_file[CONFIG_PATH_MAX];   /* the policy; empty: made from `origins` */
	size_t policyd_connections;           /* at once; more are closed unanswered */
	size_t policyd_connections_per_address; /* 0: no limit */

	/* [publish]: the HTTP interface for programs, /pollux/v1/ */
	bool publish_enabled;
	char publish_keys[2048]; /* NAME:SCOPE,SCOPE:HEX, separated by blanks; see
	                          * transport/publish_keys.h */
	size_t publish_rate;     /* requests per second and key, in each process */

	/* [cluster]: several machines, by pollux-linkd */
	char cluster_redis[CONFIG_TEXT_MAX];         /* see base/redis_url.h; empty: no cluster */
	char cluster_password_file[CONFIG_PATH_MAX]; /* empty: none */
	char cluster_node[CONFIG_NODE_MAX + 1];      /* our name; empty: the host's */
	int cluster_number;                          /* our number, 0-4095; -1: any that is free */
	char cluster_prefix[64];                     /* of all keys in Redis */
	int64_t cluster_node_timeout_ms;             /* a node that is silent for longer is dead */
	size_t cluster_queue_bytes;   /* waiting for other nodes while Redis is away */
	size_t cluster_stream_length; /* entries of a stream in Redis, about */
	bool cluster_exposed; /* no setting: the file with the password in `cluster_redis` can
	                       * be read by every user */

	/* [log] */
	enum log_level log_level;
	char log_file[CONFIG_PATH_MAX]; /* empty: standard error */

	/* No settings: what config_load() has read, for people */
	char files[CONFIG_TEXT_MAX];
	char beside[CONFIG_PATH_MAX]; /* the file beside the program, if it was read; else empty */
	bool no_file;                 /* there was none */
};

/* The name of this node as it is set; empty: there is no cluster, or it has no name here. */
static inline const char *
config_node(const struct config *cfg)
{
	return cfg->cluster_redis[0] == '\0' ? "" : cfg->cluster_node;
}

/* Fill in the defaults of config_table.c. */
void config_default(struct config *cfg);

/* Read one file over `cfg`.  Return 0, or -1 with what is wrong in `error`: a sentence with file
 * and line for each mistake, separated by line feeds.  What could be read is then set. */
int config_read(struct config *cfg, const char *path, char *error, size_t error_size);

/* Apply POLLUX_SECTION_KEY variables; `environment` as in environ(7).  As config_read(). */
int config_environment(
    struct config *cfg, char *const *environment, char *error, size_t error_size);

/* Check settings against each other: polling_duration < close_timeout and the like (PROTOCOL 4.2).
 * As config_read(). */
int config_check(const struct config *cfg, char *error, size_t error_size);

/* Load the configuration as every program does: the defaults; each file of `paths`, which ends
 * with NULL, or if it is empty each of POLLUX_CONF, separated by ':', or if that is unset
 * pollux.conf beside the binary, or else SYSCONFDIR/pollux/pollux.conf, if it exists; the
 * environment; the check.  As config_read(). */
int config_load(struct config *cfg, const char *const *paths, char *error, size_t error_size);

#endif
