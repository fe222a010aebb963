/* http: signed POSTs to the one URL of the web hook, without blocking (docs/hook.md, sections
 * 1 and 2).  It knows neither events nor actions.
 *
 * libcurl's sockets are in one epoll descriptor, which the program's loop watches; its timer is
 * hook_http_next(). */
#ifndef POLLUX_HOOK_HTTP_H
#define POLLUX_HOOK_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

#define HOOK_REPLY_MAX ((size_t)1 << 20)

struct hook_http;
struct hook_call;

struct hook_http_options {
	const char *url;     /* http://, https:// or unix:/path.sock:/uri */
	const char *secrets; /* one or two, a comma between them */
	int64_t connect_timeout_ms;
	size_t connections; /* kept open for the next request */
};

/* `options->secrets` is borrowed.  NULL after logging why. */
struct hook_http *hook_http_open(const struct hook_http_options *options);
/* Send to another place from now on; requests under way end as they began.  Return whether the URL
 * is another one.  Without memory, which is logged, the old one stays. */
bool hook_http_change(struct hook_http *http, const struct hook_http_options *options);
/* Ends all calls, whose callbacks are not called.  NULL is allowed. */
void hook_http_close(struct hook_http *http);

/* The descriptor to watch for reading. */
int hook_http_fd(const struct hook_http *http);
/* The descriptor was readable, or time has passed: callbacks are called from here only. */
void hook_http_run(struct hook_http *http, int64_t now_ms);
/* When it wants to be run at the latest, in ms; INT64_MAX: never. */
int64_t hook_http_next(const struct hook_http *http);

/* The URL as it may be logged: without its query, user and password. */
const char *hook_http_name(const struct hook_http *http);

struct hook_request {
	const char *id;    /* webhook-id */
	const char *kind;  /* "authorize", "events" */
	struct slice body; /* borrowed until the call ends */
	int attempt;       /* from 1 */
	int64_t now_ms;
	int64_t age_s; /* by which its timestamp is too old; 0, but for a test */
	int64_t timeout_ms;
	const char *last_error; /* NULL: none */
	bool once; /* by a connection of its own: libcurl repeats what a kept one has lost */
};

struct hook_result {
	int status;        /* 0: there was no answer */
	struct slice body; /* borrowed during the callback */
	const char *error; /* what went wrong when status is 0 */
	bool unsent;       /* the request cannot have arrived */
	bool timed_out;    /* it was sent, and not answered in time */
	int64_t took_ms;
	bool no_http;          /* the connection failed, or nothing that is HTTP came by it */
	int64_t retry_after_s; /* -1: not said */
	int64_t max_age_s;     /* of Cache-Control; 0: not said */
};

typedef void hook_done(void *arg, const struct hook_result *result);

/* Send; `done` is called once, from hook_http_run().  NULL when there is no memory. */
struct hook_call *hook_http_post(
    struct hook_http *http, const struct hook_request *request, hook_done *done, void *arg);
/* `done` will not be called. */
void hook_http_cancel(struct hook_call *call);

/* Append the value of webhook-signature: a signature for each secret.  Return 0, or -1: a secret is
 * not "whsec_" and base64. */
int hook_sign(
    struct buf *out, const char *secrets, const char *id, int64_t timestamp, struct slice body);

#endif
