/* status: /pollux/status, a page for whoever runs Pollux (docs/status.md).
 *
 *	status_request.c   what is asked for below /pollux/status, and the answers
 *	status_access.c    logins, and one-time tickets for sessions, in the store
 *	status_tries.c     how often a client may try a key
 *	status_page.c      the files of the page, which are part of the program
 *	status_live.c      the page's sessions, and the figures that they get once a second
 *	status_viewers.c   who has such a session
 *	status_figures.c   these figures as JSON;  status_processes.c, status_nodes.c: parts of them
 *	status_warnings.c  what is wrong, in words
 *	status_log.c       the last lines of the log
 *	status_text.c      texts in all of that
 *
 * Who logs in with a key gets a cookie, which is the name of a row in the store: it holds in every
 * process and on every node, until it is twelve hours old, its owner logs out, or [publish] keys
 * has the key no more.  The page gets its figures as an event of a Socket.IO session, which begins
 * with a ticket instead of the cookie: its transport may be on another port. */
#ifndef POLLUX_STATUS_H
#define POLLUX_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"
#include "shared/transport/publish_request.h"

struct server;

/* --- status_request.c ----------------------------------------------------------------------- */

/* Is this path, after "/pollux/", one of ours? */
bool status_request_is_for(struct slice path);

/* Answer.  `root` is the path up to and with "/pollux/", `path` follows it, without the query. */
void status_request_handle(struct publish_request *p, struct slice root, struct slice path);

/* --- status_access.c ------------------------------------------------------------------------ */

#define STATUS_TEXT_SIZE 65 /* a cookie, ticket, token or name of a login: 64 digits and a NUL */

/* Log the owner of p->key in: write the cookie.  In the turn's transaction, which fails if this
 * does.  0, or -1: no randomness. */
int status_access_log_in(const struct publish_request *p, char cookie[STATUS_TEXT_SIZE]);

/* Find whose cookie the request has: set p->key and the name of the login.  Return false when it
 * has none that is valid. */
bool status_access_identify(struct publish_request *p, char login[STATUS_TEXT_SIZE]);

/* What the page sends with all that changes something: a page of another site cannot read it. */
void status_access_token(const char login[STATUS_TEXT_SIZE], char token[STATUS_TEXT_SIZE]);

/* End a login on all nodes.  In the turn's transaction. */
void status_access_log_out(struct server *sv, const char login[STATUS_TEXT_SIZE]);

/* The key of a login of this name, or NULL: it has ended. */
struct publish_key *status_access_key(struct server *sv, struct slice login);

/* Write a ticket for one session.  In the turn's transaction.  0, or -1: no randomness. */
int status_access_ticket(
    struct server *sv, const char login[STATUS_TEXT_SIZE], char ticket[STATUS_TEXT_SIZE]);
/* Take it: set the name of its login.  In the turn's transaction.  Return false when it is not
 * valid, or was taken before. */
bool status_access_redeem(struct server *sv, struct slice ticket, char login[STATUS_TEXT_SIZE]);

/* --- status_tries.c ------------------------------------------------------------------------- */

/* Whether a client of this address may try a key now: five wrong ones, then one in ten seconds. */
bool status_tries_allow(struct server *sv, struct slice address);
/* It was a wrong one. */
void status_tries_count(struct server *sv, struct slice address);

/* --- status_page.c -------------------------------------------------------------------------- */

/* Answer with a file of the page: "" is the page itself.  Return false when there is none of that
 * name. */
bool status_page_serve(const struct publish_request *p, struct slice name);

/* --- status_live.c -------------------------------------------------------------------------- */

/* Before the hub is opened: reserve the namespace. */
void status_live_open(struct server *sv);

/* Does this handshake ask for a page's session?  Then `ticket` is what it has for a cookie. */
bool status_live_is_asked(const struct server *sv, struct slice query, struct slice *ticket);
/* Make the session, whose secret id is written to `sid`. */
enum session_create_result status_live_create(
    struct server *sv, struct slice ticket, struct slice address, char sid[STORE_SID_SIZE]);

/* A page has a ticket, and will have a session at once. */
void status_live_expect(struct server *sv);
/* In every turn: publish the figures if they are due and somebody looks.  Return when they are due
 * next, ms; INT64_MAX: nobody looks, or another process does it. */
int64_t status_live_run(struct server *sv);

/* --- status_viewers.c ----------------------------------------------------------------------- */

/* How many pages have a session now, as far as is known here. */
int status_viewers_count(struct server *sv);
/* End those whose login has ended.  Return how many there are still on this node. */
int status_viewers_check(struct server *sv);

/* --- what is shown -------------------------------------------------------------------------- */

/* Append all figures, a JSON object.  0, or -1: the store could not be read. */
int status_figures_write(struct server *sv, struct buf *out);

/* Parts of it: members, each with a comma in front. */
void status_processes_write(struct server *sv, struct buf *out);
int status_nodes_write(struct server *sv, struct buf *out);

/* What the warnings are about. */
struct status_facts {
	int64_t hook_dead;     /* events in hook_dead */
	int64_t unread;        /* rows of the log that some process has not read */
	int64_t log_held;      /* bytes of the message log */
	int64_t open_sessions; /* of this node */
};
void status_warnings_write(struct server *sv, const struct status_facts *facts, struct buf *out);

/* Append an object with the last lines of the log file, or why there are none.  `known`: the state
 * of the file when it was written last, or NULL; then nothing is written if it is the same.  Return
 * whether something was written. */
struct status_log_state;
bool status_log_write(struct server *sv, struct status_log_state *known, struct buf *out);

/* --- status_text.c -------------------------------------------------------------------------- */

/* Append the name of this node, or host, as a JSON string. */
void status_text_node(const struct server *sv, struct buf *out);

/* Append `text`, which a client may have chosen, as a JSON string of at most `most` bytes. */
void status_text_write(struct buf *out, struct slice text, size_t most);

#endif
