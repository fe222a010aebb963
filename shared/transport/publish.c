#include "shared/transport/publish.h"

#include <stdlib.h>

#include "shared/action/action.h"
#include "shared/transport/internal.h"
#include "shared/wire/sid.h"

#define BASE            "/pollux/v1/"
#define JSON            "application/json"
#define REMEMBER_MS     INT64_C(86400000) /* an Idempotency-Key */
#define IDEMPOTENCY_MAX 255               /* its characters */

/* --- answers ---------------------------------------------------------------------------------- */

/* Pages have no business here, so no origin is let in. */
static const struct slice no_origin = {NULL, 0};

#define BUSY "{\"error\":{\"code\":\"busy\",\"message\":\"not now\"}}"
static const struct reply busy = {503, JSON, "Retry-After: 1\r\n", {BUSY, sizeof(BUSY) - 1}, false};

void
publish_answer(const struct publish *p, struct slice json)
{
	answer(p->sv, p->x, no_origin, &(struct reply){200, JSON, "", json, false});
}

static void
refuse(
    const struct publish *p, int status, const char *headers, const char *code, const char *message)
{
	struct buf text = {.p = NULL};

	buf_printf(&text, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", code, message);
	answer(p->sv, p->x, no_origin,
	    text.failed ? &busy : &(struct reply){status, JSON, headers, buf_slice(&text), false});
	buf_free(&text);
}

void
publish_error(const struct publish *p, int status, const char *code, const char *message)
{
	refuse(p, status, status == 503 ? "Retry-After: 1\r\n" : "", code, message);
}

static int
status_of(const struct action_error *error)
{
	static const struct {
		const char *code;
		int status;
	} known[] = {
	    {"too_large", 413},
	    {"too_many", 413},
	    {"unknown_session", 404},
	    {"failed", 503},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(error->code, known[i].code) == 0)
			return known[i].status;
	return 400;
}

static void
refuse_action(const struct publish *p, const struct action_error *error)
{
	struct buf text = {.p = NULL};

	action_error_write(&text, error);
	answer(p->sv, p->x, no_origin,
	    text.failed ? &busy
			: &(struct reply){status_of(error), JSON, "", buf_slice(&text), false});
	buf_free(&text);
}

/* --- actions ---------------------------------------------------------------------------------- */

/* Under which an answer is remembered; empty: it is not. */
static struct slice
memory_key(const struct publish *p, struct buf *key)
{
	struct slice given = p->x->header(p->x, "idempotency-key");

	if (given.n == 0)
		return given;
	buf_printf(key, "%s\n", p->key->name);
	buf_add_slice(key, given);
	return buf_slice(key);
}

/* The answer that was given before, once more.  Return false when there was none. */
static bool
repeat(const struct publish *p, struct slice key)
{
	char *before = store_published(hub_store(p->sv->hub), key, p->sv->now);

	if (before == NULL)
		return false;
	/* it may be of this very turn, so it waits, too */
	answer_later(
	    p->sv, p->x, no_origin, &(struct reply){200, JSON, "", slice_of(before), false}, &busy);
	free(before);
	return true;
}

static void
remember(const struct publish *p, struct slice key, struct slice text)
{
	if (store_set_published(
		hub_store(p->sv->hub), key, text, p->sv->now, p->sv->now + REMEMBER_MS) == -1)
		hub_fail(p->sv->hub);
}

/* Do what was read, and say so once it is committed. */
static void
run(const struct publish *p, const struct action_list *list, struct slice key)
{
	struct action_result result;
	struct action_error error;
	struct buf text = {.p = NULL};

	if (key.n > 0 && repeat(p, key))
		return;
	if (action_run(p->sv->application, list, &result, &error) == -1) {
		refuse_action(p, &error);
		return;
	}
	buf_printf(&text, "{\"ok\":true,\"actions\":%zu,\"queued\":%zu}", result.actions,
	    result.receivers);
	if (text.failed)
		hub_fail(p->sv->hub);
	else if (key.n > 0)
		remember(p, key, buf_slice(&text));
	answer_later(
	    p->sv, p->x, no_origin, &(struct reply){200, JSON, "", buf_slice(&text), false}, &busy);
	buf_free(&text);
}

static void
act(const struct publish *p, struct slice json, struct slice key)
{
	static const struct action_context nobody = {.count = true};
	struct action_list list;
	struct action_error error;

	if (action_parse(&list, json, &nobody, &error) == -1)
		refuse_action(p, &error);
	else if (hub_transaction(p->sv->hub) == -1)
		answer(p->sv, p->x, no_origin, &busy);
	else
		run(p, &list, key);
	action_free(&list);
}

static void
post_actions(const struct publish *p)
{
	struct buf key = {.p = NULL};

	if (p->x->header(p->x, "idempotency-key").n > IDEMPOTENCY_MAX)
		publish_error(
		    p, 400, "bad_request", "the Idempotency-Key has more than 255 characters");
	else
		act(p, p->x->body, memory_key(p, &key));
	buf_free(&key);
}

static void
delete_session(const struct publish *p)
{
	struct buf json = {.p = NULL};
	int64_t key;

	if (public_id_read(p->rest, &key) == -1) {
		publish_error(p, 404, "unknown_session", "that is no public id");
		return;
	}
	buf_printf(&json, "{\"do\":\"disconnect\",\"session\":\"%.*s\",\"strict\":true}",
	    (int)p->rest.n, p->rest.p);
	act(p, buf_slice(&json), no_origin);
	buf_free(&json);
}

/* --- who may ask for what --------------------------------------------------------------------- */

static const struct call {
	const char *method, *name;
	bool has_rest;
	enum publish_scope scope;
	publish_handler *handle;
} calls[] = {
    {"POST", "actions", false, PUBLISH_WRITE, post_actions},
    {"GET", "sessions", false, PUBLISH_READ, publish_sessions},
    {"GET", "sessions", true, PUBLISH_READ, publish_session},
    {"DELETE", "sessions", true, PUBLISH_ADMIN, delete_session},
    {"GET", "rooms", false, PUBLISH_READ, publish_rooms},
    {"GET", "users", true, PUBLISH_READ, publish_user},
    {"GET", "metrics", false, PUBLISH_READ, publish_metrics},
    {"GET", "health", false, PUBLISH_ANYBODY, publish_health},
    {"GET", "ready", false, PUBLISH_ANYBODY, publish_ready},
};

/* The call, or NULL after the answer. */
static const struct call *
find_call(const struct publish *p, struct slice name)
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
		publish_error(p, 405, "bad_method", "this is not used with that method");
	else
		publish_error(p, 404, "unknown_call", "there is nothing of that name");
	return NULL;
}

/* Both headers mean the same; web servers may keep Authorization to themselves. */
static struct slice
secret_of(const struct exchange *x)
{
	struct slice secret = x->header(x, "x-api-key");

	if (secret.n > 0)
		return secret;
	secret = x->header(x, "authorization");
	return slice_starts(secret, SLICE("Bearer ")) ? slice_skip(secret, 7) : no_origin;
}

/* May it be done?  False after the answer. */
static bool
let_in(struct publish *p, const struct call *call)
{
	if (call->scope == PUBLISH_ANYBODY)
		return true;
	p->key = publish_keys_find(p->sv->publish_keys, secret_of(p->x));
	if (p->key == NULL) {
		refuse(p, 401, "WWW-Authenticate: Bearer\r\n", "bad_key",
		    "a key is needed, as X-API-Key or Authorization: Bearer");
		return false;
	}
	if (!publish_keys_take(p->key, p->sv->cfg->publish_rate, p->sv->now)) {
		refuse(p, 429, "Retry-After: 1\r\n", "too_often",
		    "more requests in a second than this key may have");
		return false;
	}
	if ((p->key->scopes & call->scope) == 0) {
		publish_error(p, 403, "bad_scope", "this key may not do that");
		return false;
	}
	return true;
}

bool
handle_publish(struct server *sv, struct exchange *x)
{
	struct publish p = {.sv = sv, .x = x};
	struct slice path = route_origin_form(x->target), name;
	const struct call *call;

	if (sv->publish_keys == NULL || !slice_starts(path, SLICE(BASE)))
		return false;
	x->origin = no_origin; /* for answers that wait */
	p.query = slice_skip(path, sizeof(BASE) - 1);
	slice_cut(&p.query, '?', &path);
	p.rest = path;
	slice_cut(&p.rest, '/', &name);
	call = find_call(&p, name);
	if (call == NULL || !let_in(&p, call))
		return true;
	if (x->body_too_large)
		publish_error(&p, 413, "too_large", "the body is larger than the server takes");
	else
		call->handle(&p);
	return true;
}
