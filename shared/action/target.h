/* target: to which sessions something goes, and sending it there. */
#ifndef POLLUX_TARGET_H
#define POLLUX_TARGET_H

#include "shared/base/buf.h"
#include "shared/hub/hub.h"

struct application;

/* Checked: names are valid.  Everything is borrowed.  Without session, user and room: everyone in
 * the namespace. */
struct target {
	const struct hub_ns *ns;
	int64_t session;       /* not 0: this one */
	struct slice user;     /* p not NULL: the sessions of this user */
	struct slice room;     /* p not NULL: those in this room */
	const int64_t *except; /* sorted: these are left out (keys.h) */
	size_t except_n;
	bool is_volatile;
	int mailbox_s; /* > 0: of a user who is away, keep it for so many seconds */
};

/* Find the session of this key, if it is in the namespace.  0, -EPIPE: it is not, or -EIO. */
int target_reach(
    struct application *app, const struct hub_ns *ns, int64_t key, struct session **out);

/* As target_reach(), for a session that is to end: from the default namespace also one whose
 * transport has not opened yet, which is in no namespace, but is listed. */
int target_reach_to_end(
    struct application *app, const struct hub_ns *ns, int64_t key, struct session **out);

/* Send `pk`, whose endpoint is filled in here.  0; TARGET_KEPT: the user is away, and it was kept;
 * -EPIPE: the one session is not in the namespace; -EMSGSIZE, -ENOMEM or -EIO. */
#define TARGET_KEPT 1
int target_send(struct application *app, const struct target *t, struct packet *pk);

/* Append the keys (int64_t) of all sessions that the target reaches.  0, -ENOMEM or -EIO. */
int target_keys(struct application *app, const struct target *t, struct buf *keys);

/* Build the data of an event, valid until the next call; `args` is JSON text, p NULL: none.
 * 0, -EINVAL: not UTF-8 or not an array, or -EMSGSIZE. */
int target_event_data(
    struct application *app, struct slice name, struct slice args, struct slice *data);

/* Of the context of an ack, which the store keeps until the ack comes. */
#define CONTEXT_BYTES_MAX 65536

/* A packet that wants an ack: see sio_emit_ack(). */
struct target_question {
	enum packet_type type; /* PACKET_EVENT, PACKET_MESSAGE or PACKET_JSON */
	const struct hub_ns *ns;
	int64_t session;
	struct slice name; /* of an event */
	struct slice args; /* of an event, p NULL: none; the text of a message; a JSON value */
	struct slice handler, context;
	int timeout_ms; /* 0: none */
};

/* Send it.  Errors as of target_event_data() and target_send(); and -EDQUOT: the session owes as
 * many acks as it may, and nothing was sent. */
int target_ask(struct application *app, const struct target_question *q);

/* Ask every session of the target, each for an ack of its own; `ns` and `session` of `q` are filled
 * in here.  `refused` is told of each that owes too many; NULL: nobody wants to know.
 * Return the number of sessions asked, or an error: -EINVAL, -EMSGSIZE, -ENOMEM or -EIO. */
int target_ask_all(struct application *app, const struct target *t, struct target_question *q,
    void (*refused)(void *arg, int64_t key), void *arg);

#endif
