/* What is asked for below /pollux/status.
 *
 *	GET  status              the page, and below it its files: for everybody
 *	POST status/login        {"key":".."}: a cookie
 *	POST status/logout       ends it
 *	GET  status/me           whose cookie it is, and what its key may do
 *	POST status/ticket       for a session of our own protocol
 *	GET  status/figures      what that session gets once a second
 *	GET  status/log          the last lines of the log
 *	     status/v1/..        calls of the publishing interface, those that the key may make
 *
 * What changes something needs the token of the login in a header, which pages of other sites can
 * neither read nor send. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "shared/base/log.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"

#define PATH         "status"
#define CALLS        "v1/"
#define TOKEN_HEADER "x-pollux-status"

/* status_access.c ends it after as long */
#define COOKIE_FORMAT                                                                              \
	"Set-Cookie: pollux_status=%s; Path=%.*sstatus; Max-Age=%d; HttpOnly; "                    \
	"SameSite=Strict%s\r\n"
#define COOKIE_S 43200

/* A call of the page, with what there is to know about it. */
struct status_call {
	struct publish_request *p;
	struct slice root;
	char login[STATUS_TEXT_SIZE]; /* empty: none */
};

/* --- whose request it is -------------------------------------------------------------------- */

/* Is `host` one of a header's, which may be a list of proxies? */
static bool
names_host(struct slice header, struct slice host)
{
	struct slice name;

	while (slice_cut(&header, ',', &name)) {
		name = slice_trim(name);
		if (name.n == host.n && name.n > 0 && strncasecmp(name.p, host.p, name.n) == 0)
			return true;
	}
	return false;
}

/* Does it come from a page of this site?  A program that is no browser says nothing of it. */
static bool
is_same_origin(const struct exchange *x)
{
	struct slice site = x->header(x, "sec-fetch-site"), host = x->origin;
	const char *slashes;

	if (site.n > 0)
		return slice_is(site, "same-origin");
	if (x->origin.n == 0)
		return true;
	slashes = memmem(host.p, host.n, "://", 3);
	if (slashes == NULL)
		return false;
	host = slice_skip(host, (size_t)(slashes + 3 - host.p));
	/* a proxy may put its own name into Host */
	return names_host(x->header(x, "host"), host) ||
	       names_host(x->header(x, "x-forwarded-host"), host);
}

/* Return false after answering. */
static bool
check_origin(const struct status_call *c)
{
	if (c->p->x->header(c->p->x, TOKEN_HEADER).n > 0 && is_same_origin(c->p->x))
		return true;
	publish_answer_error(
	    c->p, 403, NULL, "bad_origin", "this is for the status page of this server only");
	return false;
}

/* Whose cookie is it?  Return false after answering. */
static bool
check_login(struct status_call *c)
{
	if (status_access_identify(c->p, c->login))
		return true;
	publish_answer_error(c->p, 401, NULL, "no_login", "nobody is logged in");
	return false;
}

/* Return false after answering. */
static bool
check_token(const struct status_call *c)
{
	char token[STATUS_TEXT_SIZE];

	status_access_token(c->login, token);
	/* not secret from who has the cookie, and guessing it takes for ever */
	if (token[0] != '\0' && slice_is(c->p->x->header(c->p->x, TOKEN_HEADER), token))
		return true;
	publish_answer_error(
	    c->p, 403, NULL, "bad_token", "the page is older than the login: load it again");
	return false;
}

/* --- logging in and out --------------------------------------------------------------------- */

/* Answer when the turn is committed, with the cookie: empty ends it. */
static void
answer_with_cookie(
    const struct status_call *c, const char *cookie, struct slice json, const char *busy_text)
{
	struct buf headers = {.p = NULL};
	struct answer done = {.status = 200, .content_type = "application/json", .body = json};
	const struct answer busy = {.status = 503,
	    .content_type = "application/json",
	    .headers = "Retry-After: 1\r\n",
	    .body = slice_of(busy_text)};

	buf_printf(&headers, COOKIE_FORMAT, cookie, (int)c->root.n, c->root.p,
	    cookie[0] == '\0' ? 0 : COOKIE_S, c->p->x->secure ? "; Secure" : "");
	buf_add_char(&headers, '\0');
	done.headers = headers.p;
	if (headers.failed)
		publish_answer_busy(c->p);
	else
		answer_later(c->p->sv, c->p->x, &done, &busy);
	buf_free(&headers);
}

#define BUSY "{\"error\":{\"code\":\"busy\",\"message\":\"server busy, try again\"}}"

static void
log_in(struct status_call *c)
{
	struct publish_request *p = c->p;
	char cookie[STATUS_TEXT_SIZE];

	if ((p->key->scopes & PUBLISH_READ) == 0) {
		publish_answer_error(p, 403, NULL, "bad_scope", "this key lacks the scope read");
		return;
	}
	if (!publish_request_check(p, PUBLISH_READ))
		return;
	if (transaction_open(p->sv->hub) == -1 || status_access_log_in(p, cookie) == -1) {
		publish_answer_busy(p);
		return;
	}
	log_info("status: a login with the key %s from %.*s", p->key->name, (int)p->x->address.n,
	    slice_text(p->x->address));
	answer_with_cookie(c, cookie, SLICE("{\"ok\":true}"), BUSY);
}

/* The member "key" of the body, decoded. */
static void
read_login_key(struct slice json, struct buf *secret)
{
	struct json_value body, value;
	struct json_walk walk;
	struct slice name;

	if (json_parse(&body, json) == -1 || body.kind != JSON_KIND_OBJECT)
		return;
	json_walk_begin(&walk, &body);
	while (json_walk_member(&walk, &name, &value))
		if (json_string_is(name, "key") && value.kind == JSON_KIND_STRING) {
			buf_clear(secret);
			json_string_decode(secret, value.text);
		}
}

static void
take_login(struct status_call *c)
{
	struct publish_request *p = c->p;
	struct buf secret = {.ceiling = 4096};

	if (!check_origin(c))
		return;
	if (!status_tries_allow(p->sv, p->x->address)) {
		server_count(p->sv, COUNT_REFUSED_RATE);
		publish_answer_error(p, 429, "Retry-After: 10\r\n", "too_often",
		    "too many wrong keys: wait ten seconds");
		return;
	}
	read_login_key(p->x->body, &secret);
	if (!secret.failed)
		p->key = publish_keys_find(p->sv->publish_keys, slice_trim(buf_slice(&secret)));
	buf_free(&secret);
	if (p->key != NULL) {
		log_in(c);
		return;
	}
	status_tries_count(p->sv, p->x->address);
	server_count(p->sv, COUNT_REFUSED_KEY);
	log_limited(LOG_LEVEL_WARN, "status: a wrong key from %.*s", (int)p->x->address.n,
	    slice_text(p->x->address));
	publish_answer_error(p, 401, NULL, "bad_key", "wrong key: this server has no such key");
}

static void
take_logout(struct status_call *c)
{
	if (transaction_open(c->p->sv->hub) == -1) {
		publish_answer_busy(c->p);
		return;
	}
	status_access_log_out(c->p->sv, c->login);
	answer_with_cookie(c, "", SLICE("{\"ok\":true}"), BUSY);
}

/* --- what the page needs -------------------------------------------------------------------- */

static void
answer_me(struct status_call *c)
{
	const struct server *sv = c->p->sv;
	unsigned scopes = c->p->key->scopes;
	char token[STATUS_TEXT_SIZE];
	struct buf out = {.p = NULL};

	status_access_token(c->login, token);
	buf_puts(&out, "{\"key\":");
	json_write_string(&out, slice_of(c->p->key->name));
	buf_printf(&out, ",\"publish\":%s,\"admin\":%s,\"token\":\"%s\",\"resource\":",
	    (scopes & PUBLISH_WRITE) != 0 ? "true" : "false",
	    (scopes & PUBLISH_ADMIN) != 0 ? "true" : "false", token);
	json_write_string(&out, slice_of(sv->cfg->resource));
	buf_puts(&out, ",\"namespace\":\"" SESSION_STATUS_NS "\",\"node\":");
	status_text_node(sv, &out);
	buf_puts(&out, ",\"version\":\"" POLLUX_VERSION "\"}");
	if (out.failed)
		publish_answer_busy(c->p);
	else
		publish_answer_json(c->p, buf_slice(&out));
	buf_free(&out);
}

static void
take_ticket(struct status_call *c)
{
	char ticket[STATUS_TEXT_SIZE], json[STATUS_TEXT_SIZE + 16];

	if (transaction_open(c->p->sv->hub) == -1 ||
	    status_access_ticket(c->p->sv, c->login, ticket) == -1) {
		publish_answer_busy(c->p);
		return;
	}
	status_live_expect(c->p->sv);
	snprintf(json, sizeof(json), "{\"ticket\":\"%s\"}", ticket);
	publish_answer_later(c->p, slice_of(json));
}

static void
answer_figures(struct status_call *c)
{
	struct buf out = {.p = NULL};

	if (status_figures_write(c->p->sv, &out) == -1 || out.failed)
		publish_answer_error(
		    c->p, 503, NULL, "busy", "the figures could not be read; the log says why");
	else
		publish_answer_json(c->p, buf_slice(&out));
	buf_free(&out);
}

static void
answer_log(struct status_call *c)
{
	struct buf out = {.p = NULL};

	(void)status_log_write(c->p->sv, NULL, &out);
	if (out.failed)
		publish_answer_busy(c->p);
	else
		publish_answer_json(c->p, buf_slice(&out));
	buf_free(&out);
}

/* --- which call it is ----------------------------------------------------------------------- */

static const struct {
	const char *method, *name;
	void (*answer)(struct status_call *c);
} calls[] = {
    {"GET", "figures", answer_figures},
    {"GET", "log", answer_log},
    {"POST", "ticket", take_ticket},
    {"POST", "logout", take_logout},
};

/* The page asks first whether somebody is logged in: that nobody is is no error. */
static void
answer_whether(struct status_call *c)
{
	if (!status_access_identify(c->p, c->login))
		publish_answer_json(c->p, SLICE("{\"key\":null}"));
	else if (publish_request_check(c->p, PUBLISH_READ))
		answer_me(c);
}

/* The login of a call, and that it comes from our page.  Return false after answering. */
static bool
check_call(struct status_call *c)
{
	if (!check_login(c))
		return false;
	return slice_is(c->p->x->method, "GET") || (check_origin(c) && check_token(c));
}

/* Return false when it is none. */
static bool
make_call(struct status_call *c, struct slice name)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!slice_is(name, calls[i].name) || !slice_is(c->p->x->method, calls[i].method))
			continue;
		if (check_call(c) && publish_request_check(c->p, PUBLISH_READ))
			calls[i].answer(c);
		return true;
	}
	return false;
}

/* The page's links are relative to the address without a slash at its end. */
static void
redirect_to_page(const struct publish_request *p)
{
	const struct answer a = {.status = 308, .headers = "Location: ../" PATH "\r\n"};

	answer_send(p->sv, p->x, &a);
}

bool
status_request_is_for(struct slice path)
{
	struct slice rest = path;

	slice_cut(&rest, '?', &path);
	return slice_is(path, PATH) || slice_starts(path, SLICE(PATH "/"));
}

void
status_request_handle(struct publish_request *p, struct slice root, struct slice path)
{
	struct status_call c = {.p = p, .root = root};
	bool is_page = slice_is(path, PATH), is_get = slice_is(p->x->method, "GET");

	path = slice_skip(path, is_page ? path.n : sizeof(PATH "/") - 1);
	if (!is_page && path.n == 0) {
		redirect_to_page(p);
	} else if (slice_is(path, "login") && slice_is(p->x->method, "POST")) {
		take_login(&c);
	} else if (slice_is(path, "me") && is_get) {
		answer_whether(&c);
	} else if (slice_starts(path, SLICE(CALLS))) {
		if (check_call(&c))
			publish_request_call(p, slice_skip(path, sizeof(CALLS) - 1));
	} else if (!make_call(&c, path) && !(is_get && status_page_serve(p, path))) {
		publish_answer_error(p, is_get ? 404 : 405, NULL, "unknown_call", "no such call");
	}
}
