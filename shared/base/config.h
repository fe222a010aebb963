/* config: the settings of all programs, from INI files (libinih) and the environment.
 *
 * Names are those of socket.io 0.9 with underscores.  An unknown section or key, or a value out of
 * range, is an error that names file and line.  Later files win; POLLUX_<SECTION>_<KEY> in the
 * environment wins over all files.
 *
 *	[protocol]
 *	heartbeat_interval = 25      ; seconds, 0.5 is one; every key ending in _ms below
 *	origins = example.com:80     ; lists and texts go on in indented lines
 *	    www.example.com:*
 *	[limits]
 *	body_bytes = 1M              ; k, M, G
 *	[store]
 *	data = data                  ; paths start at the folder of this file
 *
 * A key is named as its field, without the section where that stands in front.  A line has at most
 * about 198 characters (libinih), a value from the environment any number. */
#ifndef POLLUX_CONFIG_H
#define POLLUX_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/log.h"

#define CONFIG_PATH_MAX 512
#define CONFIG_TEXT_MAX 1024

enum config_switch {
	CONFIG_AUTO,
	CONFIG_YES,
	CONFIG_NO
};

struct config {
	/* [protocol]; seconds, as in 0.9 (fractions are allowed), kept in milliseconds */
	int64_t heartbeat_interval_ms; /* 25 */
	int64_t heartbeat_timeout_ms;  /* 60 */
	int64_t close_timeout_ms;      /* 60 */
	int64_t polling_duration_ms;   /* 20 */
	int64_t htmlfile_duration_ms; /* 240: how long a stream (htmlfile, xhr-multipart) lasts; the
	                               * client then makes a new session.  Shorter than what a web
	                               * server grants a request: mod_fcgid's FcgidBusyTimeout is 300 */
	int64_t handshake_timeout_ms; /* 60: how long an unused session id lives */
	char transports[CONFIG_TEXT_MAX]; /* enabled and advertised, in this order;
	                                   * commas between them, no blanks */
	char resource[CONFIG_TEXT_MAX];   /* "socket.io", without slashes around it */
	char origins[CONFIG_TEXT_MAX];    /* "*:*"; see wire/origins.h */
	bool match_origin_protocol;       /* false; hixie: the scheme of the Location is wss for a
	                                   * page from https */

	/* [limits] */
	size_t body_bytes;           /* of a POST; 1 MiB; more: 413 */
	size_t message_bytes;        /* of one websocket message; 1 MiB; more: close 1009 */
	size_t header_bytes;         /* of a request's head on wsd's port; 16 KiB; more: 431 */
	size_t packets_per_payload;  /* 1000; the rest of the body is dropped */
	size_t bad_packets;          /* per session, then it ends; 100 */
	size_t queue_packets;        /* waiting for one session, then it ends; 10,000 */
	size_t queue_bytes;          /* 16 MiB */
	size_t sessions;             /* in all; 100,000; more: handshakes get 503 */
	size_t sessions_per_address; /* 0: no limit */
	size_t connections;          /* of wsd; 0: what the descriptor limit allows */
	int64_t request_timeout_ms;  /* 10 s: a request must be complete on wsd's port */
	int64_t send_timeout_ms;     /* 30 s: a peer that does not read is dropped */

	/* [store] */
	char data[CONFIG_PATH_MAX]; /* folder of the database and the wake-up sockets */
	size_t log_bytes;           /* of message text kept at most; 256 MiB */

	/* [app] */
	char module[CONFIG_PATH_MAX]; /* the application, a shared object; empty: none */

	/* [hook]: the application as a URL (docs/hook.md) instead of a module */
	char hook_url[CONFIG_TEXT_MAX];        /* http://, https://, or unix:/path.sock:/uri;
	                                        * empty: none */
	char hook_secret[CONFIG_TEXT_MAX];     /* whsec_..; a second one while it is replaced */
	char hook_namespaces[CONFIG_TEXT_MAX]; /* /chat,/x; "" exists always */
	char hook_events[CONFIG_TEXT_MAX];  /* which are told: connect, disconnect, message, json,
	                                     * event, event:say, event:order.*, ack; empty: all */
	char hook_headers[CONFIG_TEXT_MAX]; /* of a handshake, that the hook sees */
	bool hook_authorize;                /* false: is it asked about handshakes ... */
	bool hook_authorize_namespaces;     /* false: ... and about joining namespaces? */
	bool hook_authorize_on_error;       /* false: what it does not answer is refused */
	size_t hook_queue_events;           /* that wait for the hook; 100,000 */
	size_t hook_queue_bytes;            /* 64 MiB */
	size_t hook_max_in_flight;          /* requests at once; 4 */
	int64_t hook_connect_timeout_ms;    /* 1 s */
	int64_t hook_timeout_ms;            /* 5 s: a request, in all ... */
	int64_t hook_authorize_timeout_ms;  /* 3 s: ... or an authorize request */
	int64_t hook_retry_for_ms;          /* 1 h: how long an event is tried again */

	/* [client] */
	char client_folder[CONFIG_PATH_MAX]; /* socket.io.js and what else a browser gets from us;
	                                      * empty: nothing */

	/* [fcgi] */
	char fcgi_listen[CONFIG_PATH_MAX]; /* unix:/path or host:port; empty: the web server starts
	                                      us */
	enum config_switch fcgi_streaming; /* auto; are streams (htmlfile) offered?  The web server
	                                    * must pass on every piece at once, which we cannot see:
	                                    * mod_fcgid does not but with FcgidOutputBufferSize 0.
	                                    * auto: yes if we have an address to listen on */

	/* [wsd] */
	char wsd_listen[CONFIG_TEXT_MAX]; /* host:port, several separated by blanks; 127.0.0.1:8081
	                                   */
	/* Are websockets offered to those who come through the web server?  It must pass upgrades
	 * on; auto looks whether it does. */
	enum config_switch wsd_reachable; /* auto */

	/* [policyd] */
	char policyd_listen[CONFIG_TEXT_MAX]; /* as [wsd] listen; *:843 *:10843, where the clients
	                                       * of old and of new ask first (PROTOCOL 13) */
	char policyd_user[64];                /* whom it becomes when root has started it; empty:
	                                       * pollux, or nobody where there is no pollux */
	char policyd_chroot[CONFIG_PATH_MAX]; /* empty: an empty folder without a name; "/": none */
	char policyd_file[CONFIG_PATH_MAX];   /* the policy; empty: made from `origins` */
	size_t policyd_connections;           /* at once; 1000; more are closed unanswered */
	size_t policyd_connections_per_address; /* of those; 100; 0: no limit */

	/* [publish]: the HTTP interface for programs, /pollux/v1/ */
	bool publish_enabled;    /* false */
	char publish_keys[2048]; /* NAME:SCOPE,SCOPE:HEX, blanks between them; see
	                          * transport/publish_keys.h */
	size_t publish_rate;     /* requests per second and key, in each process; 100 */

	/* [log] */
	enum log_level log_level;       /* info */
	char log_file[CONFIG_PATH_MAX]; /* empty: standard error */
};

/* Fill in the defaults. */
void config_default(struct config *cfg);

/* Read one file over `cfg`.  Return 0, or -1 with one sentence in `error` (file and line). */
int config_read(struct config *cfg, const char *path, char *error, size_t error_size);

/* Apply POLLUX_SECTION_KEY variables; `environment` as in environ(7).  As config_read(). */
int config_environment(
    struct config *cfg, char *const *environment, char *error, size_t error_size);

/* Check what no single key can tell: polling_duration < close_timeout and the like
 * (PROTOCOL 4.2).  As config_read(). */
int config_check(const struct config *cfg, char *error, size_t error_size);

/* All of it as every program does: the defaults, then each path of `paths` (or of POLLUX_CONF,
 * separated by ':', when there is none; or ./pollux.conf beside the binary, if it exists), the
 * environment, the check.  `paths` ends with NULL.  As config_read(). */
int config_load(struct config *cfg, const char *const *paths, char *error, size_t error_size);

/* The transports named in the configuration, as a bit set of 1 << enum transport_id, is read by
 * shared/transport; this module does not know their names. */

#endif
