/* internal: what the files of the web hook share.  Only shared/hook/ includes it. */
#ifndef POLLUX_HOOK_INTERNAL_H
#define POLLUX_HOOK_INTERNAL_H

#include <sys/queue.h>

#include <uthash.h>

#include "shared/action/action.h"
#include "shared/action/admission.h"
#include "shared/action/application.h"
#include "shared/action/namespace.h"
#include "shared/base/buf.h"
#include "shared/base/config.h"
#include "shared/base/container.h"
#include "shared/hook/event_id.h"
#include "shared/hook/hook.h"
#include "shared/hook/http.h"
#include "shared/hook/pace.h"
#include "shared/hook/share.h"
#include "shared/store/hook_queue.h"

#define HOOK_ERROR_MAX  160
#define HOOK_EVENT_TEXT 128
#define HOOK_ID_MAX     EVENT_ID_MAX /* of an event or a request, with its NUL */
#define HOOK_BATCH      PACE_MAX     /* events in one request */
#define HOOK_DIGEST_LEN 32           /* bytes of SHA-256 */

struct delivery;
struct ticker;
struct hook_cached;

TAILQ_HEAD(question_list, hook_question);

struct hook {
	struct application base;
	const struct config *cfg; /* borrowed */
	struct hook_http *http;
	struct delivery *delivery;
	struct ticker *ticker;
	struct question_list questions; /* those in flight, then those that wait */
	size_t questions_n, asked_n;    /* all, and those in flight */
	unsigned generation;            /* of the hook: another after it has changed */
	struct hook_cached *cache;      /* uthash by digest, the oldest first */
	/* What the hook granted the session that is being made, or joins; NULL outside of that */
	const struct hook_admission *admission;
	struct buf body;                 /* scratch: of an event */
	struct buf event;                /* scratch of packet_event() */
	struct hook_shares shares;       /* what each session has in the queue */
	bool is_full;                    /* the queue is full, and the log says so */
	bool is_failing;                 /* authorize requests fail, and the log says so */
	char last_error[HOOK_ERROR_MAX]; /* for the next request; "": none */
	char node[256];                  /* its name, or that of this machine */
};

static inline struct hook *
hook_of(struct application *app)
{
	return container_of(app, struct hook, base);
}

static inline const struct hook *
hook_of_const(const struct application *app)
{
	return container_of(app, struct hook, base);
}

/* --- event.c: the members of one event; pure ------------------------------------------------ */

/* Is an event of this type on the list ([hook] events)?  `name`: of an "event"; else p NULL. */
bool hook_event_is_wanted(const char *list, const char *type, struct slice name);

/* Whether every word of such a list names a type.  False: `*wrong` does not. */
bool hook_event_list_is_valid(const char *list, struct slice *wrong);

/* Append members of an event's object.  What the client sent passes byte for byte, but for text
 * that is not UTF-8. */
void hook_event_write_connect(struct buf *out, const char *transport, struct slice query);
void hook_event_write_disconnect(struct buf *out, const char *reason);
void hook_event_write_message(struct buf *out, struct slice text);
void hook_event_write_json(struct buf *out, struct slice value);
void hook_event_write_named(struct buf *out, struct slice name, struct slice args);
/* args.p NULL: no ack came in time. */
void hook_event_write_ack(struct buf *out, const struct ack_row *ack, struct slice args);

void hook_event_write_timer(struct buf *out, struct slice name, struct slice context);

/* A user has come, or gone, with this session; `data` is an object's members, empty: none. */
void hook_event_write_user(
    struct buf *out, int64_t key, struct slice user, bool arrives, struct slice data);

/* Append text as a JSON string, its bytes that are not UTF-8 replaced. */
void hook_event_write_text(struct buf *out, struct slice text);

/* Copy UTF-8 text, cut to `size` bytes with its NUL, for a line of the log: without control
 * characters. */
void hook_event_plain(char *out, size_t size, struct slice text);

/* Describe an event for the log, by its namespace and the members of its object: event "say" of
 * "/chat". */
void hook_event_describe(char text[HOOK_EVENT_TEXT], struct slice ns, struct slice members);

/* The number of an ack id as JSON has it: without leading zeros. */
struct slice hook_event_ack_number(struct slice id);

/* --- body.c: whole bodies ------------------------------------------------------------------- */

/* Begin the body of a request for events; the events and "]}" follow. */
void hook_body_begin_events(struct buf *out, const struct hook *hook);

/* Append a whole event; `user` NULL: none; `data` an object's members, empty: none. */
void hook_body_write_event(struct buf *out, const char *epoch, const struct hook_row *row,
    const char *user, struct slice data);

/* Append the values of a session as members of an object.  0 or -1: the store failed. */
int hook_body_write_values(struct buf *out, struct hook *hook, int64_t key);

/* Append the handshake (JSON), of its headers only those on the list. */
void hook_body_write_handshake(struct buf *out, struct slice handshake, const char *headers);

/* --- reply.c: replies, JSON in -------------------------------------------------------------- */

/* An event that was sent, as far as its answer needs it. */
struct hook_sent {
	int64_t id, key, created;
	size_t bytes;
	uint8_t kind;            /* pace_kind() */
	const struct hub_ns *ns; /* NULL: the namespace does not exist any more */
	char ack[PACKET_ID_MAX + 1];
};

/* Is it a JSON object, or empty? */
bool hook_reply_is_good(struct slice body);

/* Do what the reply to these events says, in the open transaction.  Of each event for which it has
 * an "error", or something wrong, nothing is done; `errors`, n pointers, gets the text, malloc'ed,
 * or NULL, and `error` says what was wrong.  0, or -1: the reply is wrong where it belongs to no
 * event, nothing was done, and there are no texts.  When the store fails the turn does. */
int hook_reply_run(struct hook *hook, const struct hook_sent *sent, size_t n, struct slice body,
    char *errors[], char error[HOOK_ERROR_MAX]);

/* What an accepted session begins with.  The texts are owned. */
struct hook_admission {
	struct admission words;
	char *actions;    /* NULL: none */
	char *transports; /* names with commas between them; NULL: all */
};
void hook_reply_free_admission(struct hook_admission *a);

/* Read the 200 reply to an authorize request.  0, -EACCES (the reason is logged), or -EPROTO with
 * `error`. */
int hook_reply_verdict(struct hook *hook, int64_t key, struct slice ns, struct slice body,
    struct hook_admission *a, char error[HOOK_ERROR_MAX]);

/* Do the actions of an admission, which were checked before. */
void hook_reply_run_actions(struct hook *hook, int64_t key, struct slice ns, const char *actions);

/* --- ask.c: questions; every process asks its own ------------------------------------------- */

/* Ask whether the session may join; the hub hears of the verdict later.  -EINPROGRESS; -EAGAIN: too
 * many questions wait; or -EIO. */
int hook_ask_namespace(struct hook *hook, struct hub_ns *ns, struct session *s,
    struct slice endpoint, struct slice query);

/* application_ops.ask and .cancel. */
struct application_question *hook_ask_handshake(struct application *app, const char *handshake,
    int64_t key, application_verdict *done, void *arg);
void hook_ask_cancel(struct application_question *question);

/* Send what waits, as many as may be in flight at once. */
void hook_ask_run(struct hook *hook);
/* When it wants to be run at the latest, in ms; INT64_MAX: never. */
int64_t hook_ask_next(const struct hook *hook);
/* [hook] authorize_timeout may be shorter: it counts from now on for what waits, too. */
void hook_ask_reload(struct hook *hook);
/* End all, without a verdict. */
void hook_ask_close(struct hook *hook);

/* --- cache.c: verdicts that may be used again (Cache-Control) ------------------------------- */

/* What makes two questions the same: namespace, cookies and query.  0, or -1: no memory. */
int hook_cache_digest(
    unsigned char digest[HOOK_DIGEST_LEN], struct slice ns, struct slice handshake);

/* Find a verdict.  `*a` is borrowed until the next call. */
bool hook_cache_find(struct hook *hook, const unsigned char digest[HOOK_DIGEST_LEN], int *verdict,
    struct hook_admission **a);
/* Keep a copy of one; without memory it is not kept. */
void hook_cache_add(struct hook *hook, const unsigned char digest[HOOK_DIGEST_LEN], int verdict,
    const struct hook_admission *a, int64_t max_age_s);
void hook_cache_free(struct hook *hook);

#endif
