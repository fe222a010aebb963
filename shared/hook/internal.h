/* hook_internal: what the files of the web hook share.  Only shared/hook/ includes it. */
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
#include "shared/hook/hook.h"
#include "shared/hook/http.h"
#include "shared/store/hook_queue.h"

#define HOOK_ERROR_MAX   160
#define HOOK_ID_MAX      64 /* of an event or a request, with its NUL */
#define HOOK_BATCH       50
#define HOOK_BATCH_BYTES ((size_t)64 << 10)

#define HOOK_DIGEST 32 /* bytes of SHA-256 */

struct deliver;
struct hook_cached;

TAILQ_HEAD(question_list, hook_question);

struct hook {
	struct application base;
	const struct config *cfg;
	struct hook_http *http;
	struct deliver *deliver;
	struct question_list questions; /* asked, then those that wait for it */
	size_t questions_n, asked_n;
	struct hook_cached *cache; /* uthash by digest, the oldest first */
	/* What the session that is being made, or joins, is accepted with; NULL: nothing is */
	const struct hook_admission *admission;
	struct buf body;                 /* scratch: of an event */
	struct buf event;                /* scratch of packet_event() */
	bool full;                       /* the queue is, and the log says so */
	bool is_sick;                    /* authorize requests fail, and the log says so */
	char last_error[HOOK_ERROR_MAX]; /* for the next request; "": none */
	char node[256];
};

static inline struct hook *
hook_of(struct application *app)
{
	return container_of(app, struct hook, base);
}

static inline const struct hook *
const_hook_of(const struct application *app)
{
	return container_of(app, struct hook, base);
}

/* --- event.c: JSON out; pure --------------------------------------------------------------
 */

/* Is an event of this type on the list?  `name` is that of an "event", else p NULL. */
bool hook_wants(const char *list, const char *type, struct slice name);

/* Members of an event's object; all but the first argument as the client sent them. */
void hook_write_connect(struct buf *out, const char *transport, struct slice query);
void hook_write_disconnect(struct buf *out, const char *reason);
void hook_write_message(struct buf *out, struct slice text);
void hook_write_json(struct buf *out, struct slice value);
void hook_write_event(struct buf *out, struct slice name, struct slice args);
void hook_write_ack(struct buf *out, const char *name, struct slice args); /* p NULL: none came */

void hook_event_id(char id[HOOK_ID_MAX], const char *epoch, int64_t number);

/* A whole event; `user` NULL: nobody; `data` an object's members, empty: none. */
void hook_write_row(struct buf *out, const char *epoch, const struct hook_row *row,
    const char *user, struct slice data);

/* The number of an ack id as JSON has it: without zeros in front. */
struct slice hook_ack_number(struct slice id);

/* The handshake (JSON), of its headers only those on the list. */
void hook_write_handshake(struct buf *out, struct slice handshake, const char *headers);

/* --- reply.c: JSON in ---------------------------------------------------------------------
 */

/* An event that was told, as its answer needs it. */
struct hook_told {
	int64_t id, key, created;
	size_t bytes;
	const struct hub_ns *ns; /* NULL: there is none of this name any more */
	char ack[PACKET_ID_MAX + 1];
};

/* Is it an object, or empty? */
bool hook_reply_is_good(struct slice body);

/* Do what the reply to these events says, in the open transaction: 0, or -1: it is wrong, `error`
 * says how, and nothing was done.  When the store fails the turn does. */
int hook_reply_run(struct hook *hook, const struct hook_told *told, size_t n, struct slice body,
    char error[HOOK_ERROR_MAX]);

/* What an accepted session begins with.  The texts are owned. */
struct hook_admission {
	struct admission words;
	char *actions;    /* NULL: none */
	char *transports; /* names with commas between them; NULL: all */
};
void hook_free_admission(struct hook_admission *a);

/* Read the 200 reply to an authorize request.  0, -EACCES (the log has the reason), or -EPROTO with
 * `error`. */
int hook_reply_verdict(struct hook *hook, int64_t key, struct slice ns, struct slice body,
    struct hook_admission *a, char error[HOOK_ERROR_MAX]);

/* Do actions that were checked before. */
void hook_run_actions(struct hook *hook, int64_t key, struct slice ns, const char *actions);

/* --- deliver.c ----------------------------------------------------------------------------
 */

struct deliver *deliver_new(struct hook *hook);
void deliver_free(struct deliver *d);
/* There are new events: of this process, or perhaps of another. */
void deliver_look(struct deliver *d, bool ours);
/* Before the commit. */
void deliver_run(struct deliver *d);
int64_t deliver_settled(struct deliver *d, bool committed);
void deliver_stop(struct deliver *d);
void deliver_drain(struct deliver *d);
bool deliver_is_busy(const struct deliver *d);

/* Milliseconds until attempt number `attempts` + 1: 1, 2, 4 .. 60 s, a quarter more or less by
 * `random`; or what the server asks for (-1: nothing), within an hour. */
int64_t hook_retry_delay(int attempts, int64_t retry_after_s, unsigned random);

/* --- ask.c --------------------------------------------------------------------------------
 */

/* Ask whether the session may join; the hub is told later.  -EINPROGRESS, or another negative
 * errno. */
int ask_namespace(struct hook *hook, struct hub_ns *ns, struct session *s, struct slice endpoint,
    struct slice query);
void ask_run(struct hook *hook);
int64_t ask_next(const struct hook *hook);
struct application_question *ask_handshake(struct application *app, const char *handshake,
    int64_t key, application_verdict *done, void *arg);
void ask_cancel(struct application_question *question);
void ask_close(struct hook *hook);

/* --- cache.c ------------------------------------------------------------------------------ */

/* What makes two questions the same: namespace, cookies and query.  0, or -1: no memory. */
int hook_digest(unsigned char digest[HOOK_DIGEST], struct slice ns, struct slice handshake);

/* Is there an answer?  `*a` is borrowed until the next call. */
bool hook_cache_find(struct hook *hook, const unsigned char digest[HOOK_DIGEST], int *verdict,
    struct hook_admission **a);
void hook_cache_add(struct hook *hook, const unsigned char digest[HOOK_DIGEST], int verdict,
    const struct hook_admission *a, int64_t max_age_s);
void hook_cache_free(struct hook *hook);

/* --- hook.c ------------------------------------------------------------------------------------
 */

/* Append the values of a session as members of an object. */
int hook_write_data(struct hook *hook, struct buf *out, int64_t key);

#endif
