#include "shared/transport/publish_request.h"

#include "shared/base/log.h"
#include "shared/transport/internal.h"

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
    {"POST", "drain", false, PUBLISH_WRITE, publish_act_drain},
    {"DELETE", "drain", false, PUBLISH_WRITE, publish_act_drain_cancel},
    {"GET", "metrics", false, PUBLISH_READ, publish_metrics},
    {"GET", "health", false, PUBLISH_ANYBODY, publish_monitor_health},
    {"GET", "ready", false, PUBLISH_ANYBODY, publish_monitor_ready},
};

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

bool
publish_request_check(struct publish_request *p, enum publish_scope scope)
{
	if (scope == PUBLISH_ANYBODY)
		return true;
	if (p->key == NULL && !identify_publisher(p))
		return false;
	/* before the scope: guessing what a key may do is limited, too */
	if (!publish_keys_take(p->key, p->sv->cfg->publish_rate, p->sv->now)) {
		server_count(p->sv, COUNT_REFUSED_RATE);
		publish_answer_error(p, 429, "Retry-After: 1\r\n", "too_often",
		    "more requests per second than this key may make");
		return false;
	}
	if ((p->key->scopes & scope) == 0) {
		publish_answer_error(
		    p, 403, NULL, "bad_scope", "this key lacks the scope for this call");
		return false;
	}
	return true;
}

void
publish_request_call(struct publish_request *p, struct slice path)
{
	struct slice name = {NULL, 0};
	const struct publish_call *call;

	p->rest = path;
	slice_cut(&p->rest, '/', &name);
	call = find_publish_call(p, name);
	if (call == NULL || !publish_request_check(p, call->scope))
		return;
	/* after the key: only who has one learns the limit */
	if (p->x->body_too_large || p->x->body.n > p->sv->cfg->body_bytes) {
		server_count(p->sv, COUNT_REFUSED_TOO_LARGE);
		publish_answer_error(
		    p, 413, NULL, "too_large", "the body exceeds the limit of this server");
	} else {
		call->handle(p);
	}
}
