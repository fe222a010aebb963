#include "shared/transport/publish_request.h"

#include <string.h>

#include "shared/base/log.h"
#include "shared/transport/internal.h"

#define BASE "/pollux/v1/"

static const struct publish_call {
	const char *method, *name;
	bool has_rest;
	enum publish_scope scope;
	publish_handler *handle;
} calls[] = {
    {"POST", "actions", false, PUBLISH_WRITE, publish_act_post},
    {"GET", "sessions", false, PUBLISH_READ, publish_read_sessions},
    {"GET", "sessions", true, PUBLISH_READ, publish_read_session},
    {"DELETE", "sessions", true, PUBLISH_ADMIN, publish_act_disconnect},
    {"GET", "rooms", false, PUBLISH_READ, publish_read_rooms},
    {"GET", "users", true, PUBLISH_READ, publish_read_user},
    {"GET", "users", false, PUBLISH_READ, publish_read_users},
    {"GET", "metrics", false, PUBLISH_READ, publish_metrics},
    {"GET", "health", false, PUBLISH_ANYBODY, publish_monitor_health},
    {"GET", "ready", false, PUBLISH_ANYBODY, publish_monitor_ready},
};

/* Set `path` to what follows BASE: at the site's root, or in the folder of [protocol] resource, the
 * only one that the .htaccess of a sub-folder sees.  Return false: that is not there. */
static bool
find_publish_path(const struct server *sv, struct slice target, struct slice *path)
{
	const char *resource = sv->cfg->resource, *slash = strrchr(resource, '/');
	struct slice folder = {resource, slash == NULL ? 0 : (size_t)(slash - resource)};

	*path = route_origin_form(target);
	if (folder.n > 0 && path->n > folder.n + 1 && path->p[folder.n + 1] == '/' &&
	    slice_starts(slice_skip(*path, 1), folder))
		*path = slice_skip(*path, folder.n + 1);
	if (!slice_starts(*path, SLICE(BASE)))
		return false;
	*path = slice_skip(*path, sizeof(BASE) - 1);
	return true;
}

/* The call, or NULL after the answer. */
static const struct publish_call *
find_publish_call(const struct publish_request *p, struct slice name)
{
	bool known = false;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!slice_is(name, calls[i].name) || calls[i].has_rest != (p->rest.n > 0))
			continue;
		if (slice_is(p->x->method, calls[i].method))
			return &calls[i];
		known = true;
	}
	if (known)
		publish_answer_error(
		    p, 405, NULL, "bad_method", "this call does not take that method");
	else
		publish_answer_error(p, 404, NULL, "unknown_call", "no such call");
	return NULL;
}

/* The API key as it was sent; empty: none. */
static struct slice
find_api_key(const struct exchange *x)
{
	struct slice secret = x->header(x, "x-api-key");

	if (secret.n > 0)
		return secret;
	/* some web servers do not pass Authorization on */
	secret = x->header(x, "authorization");
	return slice_starts(secret, SLICE("Bearer ")) ? slice_skip(secret, 7)
	                                              : (struct slice){NULL, 0};
}

/* Set p->key.  Return false after answering. */
static bool
identify_publisher(struct publish_request *p)
{
	struct slice secret = find_api_key(p->x);

	if (secret.n == 0) {
		publish_answer_error(p, 401, "WWW-Authenticate: Bearer\r\n", "no_key",
		    "a key is needed: send it as X-API-Key or Authorization: Bearer");
		return false;
	}
	p->key = publish_keys_find(p->sv->publish_keys, secret);
	if (p->key != NULL)
		return true;
	server_count(p->sv, COUNT_REFUSED_KEY);
	log_limited(LOG_LEVEL_WARN, "publish: a wrong key from %.*s", (int)p->x->address.n,
	    slice_text(p->x->address));
	publish_answer_error(p, 401, "WWW-Authenticate: Bearer\r\n", "bad_key",
	    "wrong key: this server has no such key");
	return false;
}

/* Whether this key may make the call.  Return false after answering. */
static bool
check_publish_key(struct publish_request *p, const struct publish_call *call)
{
	if (call->scope == PUBLISH_ANYBODY)
		return true;
	if (!identify_publisher(p))
		return false;
	/* before the scope: guessing what a key may do is limited, too */
	if (!publish_keys_take(p->key, p->sv->cfg->publish_rate, p->sv->now)) {
		server_count(p->sv, COUNT_REFUSED_RATE);
		publish_answer_error(p, 429, "Retry-After: 1\r\n", "too_often",
		    "more requests per second than this key may make");
		return false;
	}
	if ((p->key->scopes & call->scope) == 0) {
		publish_answer_error(
		    p, 403, NULL, "bad_scope", "this key lacks the scope for this call");
		return false;
	}
	return true;
}

bool
publish_request_writes(const struct server *sv, const struct exchange *x)
{
	struct slice path;

	return sv->publish_keys != NULL && !slice_is(x->method, "GET") &&
	       find_publish_path(sv, x->target, &path);
}

bool
publish_request_handle(struct server *sv, struct exchange *x)
{
	struct publish_request p = {.sv = sv, .x = x};
	struct slice path, name = {NULL, 0};
	const struct publish_call *call;

	if (sv->publish_keys == NULL || !find_publish_path(sv, x->target, &path))
		return false;
	p.query = path;
	slice_cut(&p.query, '?', &path);
	p.rest = path;
	slice_cut(&p.rest, '/', &name);
	transaction_let_go(sv->hub); /* until the key is checked and the body is read */
	call = find_publish_call(&p, name);
	if (call == NULL || !check_publish_key(&p, call))
		return true;
	/* after the key: only who has one learns the limit */
	if (x->body_too_large || x->body.n > sv->cfg->body_bytes) {
		server_count(sv, COUNT_REFUSED_TOO_LARGE);
		publish_answer_error(
		    &p, 413, NULL, "too_large", "the body exceeds the limit of this server");
	} else {
		call->handle(&p);
	}
	return true;
}
