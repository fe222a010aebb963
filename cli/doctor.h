/* doctor: the command `pollux doctor URL`: says what keeps clients from being served at a URL, and
 * what to change.
 *
 *	doctor.c           the command line, the order of the checks, the end
 *	doctor_address.c   connections and TLS
 *	doctor_serve.c     the handshake, a message, the clock, files, pages that may talk
 *	doctor_blame.c     what answers when it is not Pollux
 *	doctor_polls.c     the longest poll, the largest body, how many polls at once
 *	doctor_ways.c      streams, websockets, Flash policies
 *	doctor_inside.c    on the host itself, with -c: configuration, files, folder
 *	doctor_processes.c the same: what runs there, its user, its version
 *	users              who owns a process or a folder
 *	site, fetch        URLs and HTTP
 *	visit              sessions
 *	findings           what is said
 *
 * It does no harm: all its sessions are ended, their number is bounded, and no event is sent to the
 * application, which only sees that sessions come and go. */
#ifndef POLLUX_DOCTOR_H
#define POLLUX_DOCTOR_H

#include <string.h>

#include "cli/cli.h"
#include "cli/findings.h"
#include "cli/site.h"
#include "cli/visit.h"

#define DOCTOR_ORIGINS_MAX 8
#define DOCTOR_QUICK_MS    10000 /* a request that is answered at once, on a loaded host */

enum doctor_held {
	DOCTOR_HELD_NOT_YET, /* it is still held, or brought messages only */
	DOCTOR_HELD_WHOLE,   /* Pollux has ended it */
	DOCTOR_HELD_CUT,     /* something else has */
	DOCTOR_HELD_BUSY,    /* too many messages came: it cannot be told */
};

struct doctor {
	struct cli *cli;
	const char *url;
	const char *resource; /* of the path; NULL: of the configuration, or "socket.io" */
	const char *origins[DOCTOR_ORIGINS_MAX];
	unsigned origins_n;
	int64_t wait_ms;         /* how long a poll is held */
	unsigned polls;          /* how many polls are held at once; 0: do not try */
	unsigned wsd_port;       /* of pollux-wsd itself; 0: that of the configuration */
	unsigned wsd_plain_port; /* the same, without TLS */
	bool inside;             /* -c was given, and the configuration could be read */

	struct findings found;
	struct site site;
	struct fetch_net net;
	struct visits visits;

	bool served;           /* a session was made, and a message came back */
	struct visit *patient; /* the visit that waits for its long poll; NULL: none */
	enum doctor_held held; /* what became of its poll */
	int64_t hold_end_ms;   /* when to stop waiting for it, of clock_ms(); 0: it was not begun */
	int held_messages;     /* how many polls have brought some */
	int64_t held_ms;       /* the longest that one of its polls was held so far */
	char held_why[320];    /* DOCTOR_HELD_CUT: what ended it */
	int status;            /* of the handshake's answer */
	char refused[512];     /* origins that may not talk, as patterns with a blank before each */
	char own_origin[SITE_HOST_MAX + 16]; /* of pages of the site itself */
};

/* Each says what it finds. */

/* Whether a connection can be made, and a certificate be verified.  False: there is none. */
bool doctor_address(struct doctor *d);
/* What answers the handshake; sets `served`. */
void doctor_serve(struct doctor *d);
/* The handshake was answered, but not by Pollux as it should. */
void doctor_blame(struct doctor *d, const struct fetch *f);
/* Whether browsers get the script of the client here. */
void doctor_serve_script(struct doctor *d);
/* Whether pages of these origins may talk to the server. */
void doctor_serve_origins(struct doctor *d);

/* Begin to hold a poll; call doctor_polls_watch() now and then. */
void doctor_polls_begin(struct doctor *d);
void doctor_polls_watch(struct doctor *d);
/* Wait until it has ended, or its time is over. */
void doctor_polls_end(struct doctor *d);
/* The largest body of a POST. */
void doctor_polls_body(struct doctor *d);
/* Hold more and more polls, and see whether others are still served. */
void doctor_polls_crowd(struct doctor *d);

void doctor_ways_stream(struct doctor *d);
void doctor_ways_websocket(struct doctor *d);
void doctor_ways_policy(struct doctor *d);

/* What can be seen on the host only.  Last: it may give up root's rights. */
void doctor_inside(struct doctor *d);
/* A part of it: what runs on the data folder, which is there. */
void doctor_processes(struct doctor *d);

/* A mistake that may keep clients from being served; when they are, it does not. */
static inline enum finding_verdict
doctor_grave(const struct doctor *d)
{
	return d->served ? FINDING_NOTE : FINDING_BAD;
}

/* An origin as [protocol] origins has it: with a port, it needs no scheme. */
static inline const char *
doctor_origin_pattern(const char *origin)
{
	const char *host = strstr(origin, "://");

	return host != NULL && strchr(host + 3, ':') != NULL ? host + 3 : origin;
}

#endif
