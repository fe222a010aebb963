/* action: what an application asks for as JSON text, by any way in: the reply of a web hook, HTTP,
 * the command line, the table action_in.
 *
 *	{"do":"emit","to":{"room":"lobby","ns":"/chat"},"name":"news","args":[1.10,"x"]}
 *
 *	emit     to, name, args, volatile;  ack, context, timeout_ms;  mailbox
 *	send     to, text, the same           json        to, value, the same
 *	ack      args;  id, session, ns, or instead of these three: later
 *	error    reason, advice, whose
 *	join     room, history, whose         leave       room, whose
 *	set      key, value, whose            del         key, whose
 *	user     user (null: none), whose     disconnect  reason, whose
 *	after    ms, name, context, whose     cancel      name, whose
 *	accept   later, user, data            refuse      later, reason
 *
 * `to` is {"session":"P.."}, {"room":"r"}, {"user":"42"} or {"ns":"/chat"}, each with "ns", all but
 * the first with "except":["P..",..]; or "all".  "Whose" means `session` and `ns`, or `to`.
 * What is not said is that of the event being answered: its session, its namespace.  In the
 * namespace "" a disconnect is that of the whole session.  `strict` makes it an error when the one
 * session that an action is for is not there.
 *
 * Input is one action, an array of them, or {"actions":[..],"strict":true}.  It is checked before
 * anything is done; all of it is done, in order and in one transaction, or nothing.  What is in
 * `args`, `value` and `context` passes byte for byte. */
#ifndef POLLUX_ACTION_H
#define POLLUX_ACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

#define ACTIONS_MAX      1000
#define ACTION_BYTES_MAX ((size_t)1 << 20) /* of the whole text */

/* The event that is answered, if any. */
struct action_context {
	int64_t session;     /* key; 0: none */
	struct slice ns;     /* of the event */
	struct slice ack_id; /* which the client waits for; empty: it does not */
	bool strict;         /* an action for a session that is not there is an error */
	bool count;          /* count receivers, which takes a query for each room */
};

struct action_error {
	const char *code; /* "bad_json", "bad_action", "too_large", "too_many", "unknown_session",
	                   * "unknown_namespace", "failed" */
	int index;        /* of the action, from 0; -1: of none of them */
	char field[24];   /* "": of none */
	char message[160];
};

enum action_kind {
	ACTION_EMIT,
	ACTION_SEND,
	ACTION_JSON,
	ACTION_ACK,
	ACTION_JOIN,
	ACTION_LEAVE,
	ACTION_SET,
	ACTION_DEL,
	ACTION_USER,
	ACTION_DISCONNECT,
	ACTION_ERROR,
	ACTION_AFTER,
	ACTION_CANCEL,
	ACTION_ACCEPT,
	ACTION_REFUSE,
};

/* One action, checked.  Slices point into the parsed text or into the list. */
struct action {
	enum action_kind kind;
	struct slice ns;
	int64_t session;   /* not 0: to this one */
	struct slice room; /* p not NULL: to those in this room */
	struct slice user; /* p not NULL: to the sessions of this user */
	size_t except_at;  /* in list->except, sorted from there */
	size_t except_n;
	struct slice name; /* of the event, of the room to join, the key, the timer, the user (p
	                    * NULL: none); NUL-terminated */
	struct slice text; /* the message; why a session is disconnected (NUL-terminated) */
	struct slice json; /* args or value; p NULL: none */
	struct slice id;   /* of an ack; what a verdict is about (ruling.h) */
	struct slice handler, context; /* of an emit that wants an answer; handler.p NULL: none */
	int timeout_ms;                /* of an emit that wants an answer; of a timer */
	int mailbox_s;                 /* > 0: of a user who is away, keep it for so many seconds */
	int history;    /* of a room to join: so many of its last messages; -1: as is configured */
	int reason;     /* of an error packet: its code; -1: none */
	bool reconnect; /* its advice */
	bool is_volatile;
	bool strict; /* it is an error when the session is not there */
};

struct action_list {
	struct action *actions; /* owned */
	size_t n;
	struct buf texts;  /* owned: decoded strings; never moves */
	struct buf except; /* owned: int64_t keys */
	bool strict, count;
};

/* Check `json` and read it into `out`, which borrows from it.  Pure: no I/O.
 * Return 0, or -1 with `error` filled in.  Call action_free() in any case. */
int action_parse(struct action_list *out, struct slice json, const struct action_context *ctx,
    struct action_error *error);
void action_free(struct action_list *list);

struct action_result {
	size_t actions;   /* that were done */
	size_t receivers; /* sessions that were reached, as far as they were counted */
	size_t kept;      /* messages for users who are away, in their mailboxes */
	/* Sessions that were at a limit ([limits] rooms_per_session and the like): an action did
	 * nothing for them, which is logged, and everything else was done. */
	size_t refused;
	struct action_error refusal; /* the first one, code "limit" */
};

struct application;

/* Can the list be done?  action_run() checks that itself; a caller that runs several lists in one
 * turn, all or none of them, checks all before it runs the first.  Return 0, or -1 with `error`
 * filled in. */
int action_run_check(
    struct application *app, const struct action_list *list, struct action_error *error);

/* Do all of a list in the open turn of the application's hub.  Actions for sessions that are not
 * there do nothing, unless the list is strict.
 * Return 0, or -1 with `error` filled in: nothing was done, or (code "failed") the turn will be
 * rolled back. */
int action_run(struct application *app, const struct action_list *list,
    struct action_result *result, struct action_error *error);

/* hub_app.act: run one row of the table action_in.  What is wrong with it is logged.  `arg` is the
 * application. */
void action_run_row(void *arg, int64_t row, struct slice json);

/* Append {"error":{"code":"..","message":"..","index":1,"field":".."}}. */
void action_error_write(struct buf *out, const struct action_error *error);

/* Append members of an answer: ,"kept":1 if messages were kept, and if sessions were at a limit
 * ,"refused":2,"error":{..}. */
void action_result_write(struct buf *out, const struct action_result *result);

#endif
