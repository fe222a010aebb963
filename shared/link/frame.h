/* frame: what the nodes of a cluster tell one another, as bytes.  Pure.
 *
 * A process that has something for another node writes a row of the table link_out, which has a
 * kind and a body.  pollux-linkd puts rows into the stream of the receiving node in Redis, many in
 * one entry (LINK_VERSION, ...).  What arrives for a process of that node goes to it as a row of
 * the log (link_notify() of shared/hub/link.h).
 *
 * An older node meets kinds that it does not know, and a body may have further fields at its end:
 * both are ignored.  For everything else the version of the entry is raised. */
#ifndef POLLUX_LINK_FRAME_H
#define POLLUX_LINK_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"

#define LINK_VERSION 1
#define LINK_ALL     (-1) /* a destination: all other nodes */
#define LINK_NOBODY  (-1) /* the number of no node */

enum link_kind {
	LINK_PRESENCE = 'P', /* entries (struct link_presence), one after the other */
	LINK_CHANNEL = 'C',  /* struct link_message: to a room or a namespace */
	LINK_SEND = 'S',     /* struct link_message: to one session */
	LINK_COMMAND = 'X',  /* struct link_command */
	LINK_LOCATE = 'L',   /* struct link_signal: `text` is a secret session id */
	LINK_FOUND = 'F',    /* struct link_found */
	LINK_REQUEST = 'Q',  /* struct link_signal: `text` is a copied request (copied.h), `number`
	                         * the id of the process in its slot */
	LINK_ANSWER = 'A',   /* struct link_answer: all of it */
	LINK_BEGIN = 'B',    /* struct link_answer: of many pieces, the first */
	LINK_PIECE = 'D',    /* struct link_signal: `text` */
	LINK_FINISH = 'E',   /* struct link_signal */
	LINK_GONE = 'G',     /* struct link_signal: the client has left */
	LINK_UNDELIVERED = 'U', /* struct link_signal: the answer did not reach the client */
	LINK_WS_OPEN = 'W',     /* the same */
	LINK_WS_TEXT = 'T',     /* struct link_signal: of the client */
	LINK_WS_MESSAGE = 'M',  /* struct link_signal: to the client */
	LINK_WS_CLOSE = 'Z', /* struct link_signal: in either direction; `number` is a close code,
	                         * `text` the reason */
	LINK_WS_PAUSE = 'p', /* struct link_signal: `number` 1: read nothing from the client */
	LINK_HELLO = 'H',    /* struct link_signal: pollux-linkd of the sender has started */
	LINK_WANT = 'N',     /* empty: send a snapshot */
	LINK_SNAPSHOT = 's', /* struct link_signal: `number` 1: it begins, 0: it has ended */
	LINK_GAP = 'g',      /* empty: frames of the receiver were lost */
	LINK_DONE = 'K',     /* struct link_done */
	LINK_MAIL = 'm',     /* struct link_mail */
	LINK_TAKEN = 't', /* of mail: struct link_signal, `text` has uids as pack_number() writes */
	LINK_KEPT = 'k',  /* struct link_kept */
	LINK_RULING = 'R', /* struct link_ruling */

	/* Only within a node, to its processes: struct link_signal, `number` is the node's. */
	LINK_RESTARTED = 'h', /* its pollux-linkd has */
	LINK_LOST = 'x',      /* it has died, or lost what we sent it */
};

/* --- sessions ------------------------------------------------------------------------------- */

enum link_presence_what {
	LINK_CONNECTED = 'c', /* user, address, number: issued, ms since 1970; transport */
	LINK_TRANSPORT = 't', /* transport */
	LINK_USER = 'u',      /* user; absent: none; number 1: the one before was told to be gone */
	LINK_JOINED = 'j',    /* ns, room; absent: the namespace itself */
	LINK_LEFT = 'l',      /* the same: with all its rooms */
	LINK_VALUE = 'v',     /* room: the name, value; absent: deleted */
	LINK_ENDED = 'e',     /* number: the bits below */
};

#define LINK_ENDED_REMEMBER 1 /* late requests are still to go to its home */
#define LINK_ENDED_TOLD     2 /* its user was told to be gone (shared/hub/user_presence.h) */

/* What a node tells of a session whose home it is.  Texts are borrowed; p NULL: absent. */
struct link_presence {
	unsigned char what; /* enum link_presence_what */
	unsigned char transport;
	int64_t key, number;
	struct slice ns, room, user, address, value;
};

void frame_pack_presence(struct buf *out, const struct link_presence *p);
/* Read the next entry.  False: there is none, or `*failed`: they are malformed. */
bool frame_unpack_presence(struct slice *rest, struct link_presence *p, bool *failed);

enum link_command_what {
	LINK_JOIN = 'j',  /* ns, name, number: 1 + how much of its history; 0: by configuration */
	LINK_LEAVE = 'l', /* ns, name */
	LINK_KICK = 'k',  /* ns, text: the reason */
	LINK_END = 'e',   /* text: the reason, number 1: remember */
	LINK_SET_VALUE = 'v', /* name, text: JSON */
	LINK_DEL_VALUE = 'd', /* name */
	LINK_SET_USER = 'u',  /* text; absent: none */
	LINK_ASK = 'q',       /* ns, name, text: arguments, handler, context, number: timeout, ms */
	LINK_ASK_TEXT = 't',  /* the same of a message: ns, text, handler, context, number */
	LINK_ASK_JSON = 'o',  /* the same of a JSON value */
	LINK_AFTER = 'a',     /* ns, name, context, number: ms */
	LINK_CANCEL = 'c',    /* ns, name */
};

/* What is to be done with a session at its home. */
struct link_command {
	unsigned char what; /* enum link_command_what */
	int64_t key, number;
	struct slice ns, name, text, handler, context;
};

void frame_pack_command(struct buf *out, const struct link_command *c);
bool frame_unpack_command(struct slice body, struct link_command *c);

/* --- messages ------------------------------------------------------------------------------- */

/* A room whose history all nodes keep. */
struct link_kept {
	struct slice ns, room;
	int64_t asked; /* so many messages were asked for by joins; 0: by none */
};

struct link_message {
	int64_t to; /* a channel, or the key of a session */
	bool is_volatile;
	struct slice except; /* keys that must not get it, as pack_number() writes them */
	struct slice packet;
	struct link_kept kept; /* of a room with a history; room.p NULL: it has none */
};

void frame_pack_message(struct buf *out, const struct link_message *m);
/* `except` has whole numbers. */
bool frame_unpack_message(struct slice body, struct link_message *m);

/* A join has asked for the history. */
void frame_pack_kept(struct buf *out, const struct link_kept *k);
bool frame_unpack_kept(struct slice body, struct link_kept *k);

/* --- requests ------------------------------------------------------------------------------- */

/* Most of what is said about one request: which it is, for its process, and what of it. */
struct link_signal {
	int64_t slot; /* of the process that waits for the answer, on the node that asked */
	int64_t id;   /* its own name for the request */
	int64_t number;
	struct slice text;
};

void frame_pack_signal(struct buf *out, const struct link_signal *s);
bool frame_unpack_signal(struct slice body, struct link_signal *s);

enum link_verdict {
	LINK_UNKNOWN = 0, /* there is no such session */
	LINK_AT = 1,      /* it is at `node` */
	LINK_MOVED = 2,   /* it is yours from now on */
};

struct link_found {
	int64_t slot, id;
	unsigned char verdict; /* enum link_verdict */
	int64_t node;
	/* LINK_MOVED */
	struct slice sid, address, user, handshake, deferred;
	int64_t left_ms;     /* until its first transport must have opened */
	struct slice values; /* name, value, name, value, .. as pack_text() writes them */
	int64_t ends_ms;     /* until its token ends; INT64_MAX: never */
	struct slice rooms;  /* that its token grants, JSON; p NULL: none */
};

void frame_pack_found(struct buf *out, const struct link_found *f);
bool frame_unpack_found(struct slice body, struct link_found *f);

struct link_answer {
	int64_t slot, id, status;
	bool in_chunks;
	struct slice content_type, headers, body;
};

void frame_pack_answer(struct buf *out, const struct link_answer *a);
bool frame_unpack_answer(struct slice body, struct link_answer *a);

/* A request with an Idempotency-Key was answered: if it comes again, on any node, the answer is
 * repeated. */
struct link_done {
	struct slice key, answer; /* as in the table idempotency */
	int64_t left_ms;          /* how long it is remembered */
};

void frame_pack_done(struct buf *out, const struct link_done *d);
bool frame_unpack_done(struct slice body, struct link_done *d);

/* What a user who is away has missed, which every node keeps; LINK_TAKEN: it was delivered. */
struct link_mail {
	int64_t uid;
	int64_t left_ms; /* how long it is kept */
	struct slice user, ns, packet;
};

void frame_pack_mail(struct buf *out, const struct link_mail *m);
bool frame_unpack_mail(struct slice body, struct link_mail *m);
/* The verdict on a client for which a process of the receiver waits (shared/action/ruling.h). */
struct link_ruling {
	int64_t slot, id;
	bool accepts;
	struct slice user, data, reason; /* p NULL: absent */
};

void frame_pack_ruling(struct buf *out, const struct link_ruling *r);
bool frame_unpack_ruling(struct slice body, struct link_ruling *r);

/* --- entries of a stream -------------------------------------------------------------------- */

/* What many frames of one sender have in common. */
struct link_head {
	unsigned char version;
	int64_t sender;
	struct slice epoch; /* of the sender's database: sequence numbers begin anew with it */
	int64_t prev;       /* sequence number of the frame that was sent before to this receiver */
};

struct link_frame {
	int64_t seq;
	unsigned char kind;
	struct slice body;
};

void frame_pack_head(struct buf *out, const struct link_head *head);
void frame_pack_frame(struct buf *out, const struct link_frame *frame);

/* False: it is no entry of ours. */
bool frame_unpack_head(struct slice *rest, struct link_head *head);
/* False: there is none, or `*failed`: it is malformed. */
bool frame_unpack_frame(struct slice *rest, struct link_frame *frame, bool *failed);

#endif
