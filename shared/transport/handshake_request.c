/* Handshake requests (PROTOCOL section 4): whether the client gets a session, and the answer.
 *
 *	request -- refused, or the server is busy ---------------------> answer at once
 *	        -- a token admits: make the session ------------------> answer after the commit
 *	        -- a C module decides: make the session ---------------> answer after the commit
 *	        -- a C module decides later: hold the request, verdict -> the same
 *	        -- a web hook decides: hold the request, ask, verdict -> the same
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/base/origins.h"
#include "shared/transport/cors.h"
#include "shared/transport/internal.h"
#include "shared/transport/place.h"
#include "shared/transport/status.h"
#include "shared/wire/handshake_text.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

/* --- answers -------------------------------------------------------------------------------- */

/* Whom to answer, and in which form. */
struct asker {
	struct exchange *x;
	struct slice origin, address; /* borrowed */
	bool has_jsonp, upgrades;
	unsigned jsonp;
	struct slice ticket; /* of a status page's session; p NULL: it is another one */
};

/* Make an answer: plain text, or for a script tag a call, always with status 200 (PROTOCOL 4.4,
 * 4.5).  Its body is `body` itself, or in `script`. */
static struct answer
compose_handshake(struct buf *script, const struct asker *asker, int status, struct slice body)
{
	struct answer a = {
	    .status = status, .content_type = "text/plain", .origin = asker->origin, .body = body};

	if (!asker->has_jsonp)
		return a;
	buf_printf(script, status == 200 ? "io.j[%u](" : "io.j[%u](new Error(", asker->jsonp);
	json_write_string(script, body);
	buf_puts(script, status == 200 ? ");" : "));");
	if (script->failed)
		return answer_busy(asker->origin);
	a.status = 200;
	a.content_type = "application/javascript";
	a.body = buf_slice(script);
	return a;
}

static void
refuse_handshake(struct server *sv, const struct asker *asker, int status, struct slice sentence)
{
	struct buf script = {.p = NULL};
	const struct answer a = compose_handshake(&script, asker, status, sentence);

	answer_send(sv, asker->x, &a);
	buf_free(&script);
}

static void
refuse_origin(struct server *sv, const struct asker *asker)
{
	server_count(sv, COUNT_REFUSED_ORIGIN);
	cors_log_refusal("handshake", asker->x);
	refuse_handshake(sv, asker, 403, SLICE("handshake bad origin"));
}

/* Clients that reconnect back off and retry after a 503; a 403 would end them (PROTOCOL 4.5). */
static void
refuse_for_now(struct server *sv, const struct asker *asker)
{
	refuse_handshake(sv, asker, 503, answer_busy(asker->origin).body);
}

static void
refuse_busy_handshake(struct server *sv, const struct asker *asker)
{
	server_count(sv, COUNT_REFUSED_BUSY);
	refuse_for_now(sv, asker);
}

static void
refuse_draining(struct server *sv, const struct asker *asker)
{
	server_count(sv, COUNT_REFUSED_STOPPING);
	log_limited(LOG_LEVEL_INFO, "handshake refused: this process is stopping");
	refuse_for_now(sv, asker);
}

/* Tell the client its session, which exists once the turn is committed. */
static void
accept_handshake(struct server *sv, const struct asker *asker, struct slice line)
{
	struct buf script = {.p = NULL}, error = {.p = NULL};
	struct answer done = compose_handshake(&script, asker, 200, line);
	const struct answer busy =
	    compose_handshake(&error, asker, 503, answer_busy(asker->origin).body);

	done.in_chunks = true; /* the Arduino client skips the line with the size (CLIENTS 3) */
	answer_later(sv, asker->x, &done, &busy);
	buf_free(&error);
	buf_free(&script);
}

static int
whole_seconds(int64_t ms)
{
	return (int)((ms + 999) / 1000); /* never 0, which clients cannot bear (PROTOCOL 4.2) */
}

static bool
list_names(struct slice list, struct slice name)
{
	struct slice item;

	while (slice_cut(&list, ',', &item))
		if (slice_equal(item, name))
			return true;
	return false;
}

/* List the transports that work for this client (PROTOCOL 4.3): each other one would cost it ten
 * seconds.  `allowed`: those that the application grants it; p NULL: all. */
static void
offer_transports(
    struct server *sv, const struct asker *asker, struct slice allowed, char *list, size_t size)
{
	struct slice rest = slice_of(sv->cfg->transports), name;
	size_t n = 0;

	list[0] = '\0';
	while (slice_cut(&rest, ',', &name)) {
		enum transport_id id = route_transport_by_name(name);
		int written;

		if (!transport_works(sv, id) || (allowed.p != NULL && !list_names(allowed, name)))
			continue;
		/* the web server in front of us may not pass upgrades on */
		if ((id == TRANSPORT_WEBSOCKET || id == TRANSPORT_FLASHSOCKET) && !asker->upgrades)
			continue;
		written =
		    snprintf(list + n, size - n, "%s%.*s", n == 0 ? "" : ",", (int)name.n, name.p);
		if (written > 0 && (size_t)written < size - n)
			n += (size_t)written;
	}
}

/* Can the client use a transport that needs no place? */
static bool
needs_no_place(struct server *sv, const struct asker *asker)
{
	return asker->upgrades && (transport_works(sv, TRANSPORT_WEBSOCKET) ||
				      transport_works(sv, TRANSPORT_FLASHSOCKET));
}

/* Write the answer into sv->text. */
static void
write_handshake(struct server *sv, struct slice sid, const char *transports)
{
	buf_clear(&sv->text);
	handshake_text_write(&sv->text, sid, whole_seconds(sv->cfg->heartbeat_timeout_ms),
	    whole_seconds(sv->cfg->close_timeout_ms), transports);
}

/* Answer a client for which there is no place.  Until it comes again its connection must not occupy
 * a worker of the web server. */
static void
answer_waiting(struct server *sv, const struct asker *asker, int status, struct slice body)
{
	struct buf script = {.p = NULL};
	struct answer a = compose_handshake(&script, asker, status, body);

	a.closes = true;
	answer_send(sv, asker->x, &a);
	buf_free(&script);
}

/* The same, of one that does not know yet: its first poll tells it. */
static void
answer_no_place(struct server *sv, const struct asker *asker)
{
	char transports[CONFIG_TEXT_MAX], sid[STORE_SID_SIZE];

	if (place_no_session(sid) == -1) {
		refuse_busy_handshake(sv, asker);
		return;
	}
	offer_transports(sv, asker, (struct slice){NULL, 0}, transports, sizeof(transports));
	write_handshake(sv, slice_of(sid), transports);
	answer_waiting(sv, asker, 200, buf_slice(&sv->text));
}

static void
answer_handshake(struct server *sv, const struct asker *asker, enum session_create_result result,
    const char *sid, struct slice allowed)
{
	char transports[CONFIG_TEXT_MAX];

	switch (result) {
	case SESSION_CREATED:
		offer_transports(sv, asker, allowed, transports, sizeof(transports));
		write_handshake(sv, slice_of(sid), transports);
		if (!needs_no_place(sv, asker))
			place_reserve(sv, sid_key(slice_of(sid)));
		accept_handshake(sv, asker, buf_slice(&sv->text));
		break;
	case SESSION_UNAUTHORIZED:
		server_count(sv, COUNT_REFUSED_UNAUTHORIZED);
		log_limited(LOG_LEVEL_INFO, "handshake refused: the application refuses %.*s",
		    (int)asker->address.n, slice_text(asker->address));
		refuse_handshake(sv, asker, 403, SLICE("handshake unauthorized"));
		break;
	case SESSION_APP_ERROR:
		server_count(sv, COUNT_REFUSED_ERROR);
		log_limited(LOG_LEVEL_INFO,
		    "handshake refused: the application could not decide about %.*s",
		    (int)asker->address.n, slice_text(asker->address));
		refuse_handshake(sv, asker, 500, SLICE("handshake error"));
		break;
	case SESSION_BUSY:
		refuse_busy_handshake(sv, asker);
		break;
	case SESSION_FULL: /* the hub has counted it */
		refuse_for_now(sv, asker);
		break;
	case SESSION_ASKED: /* not in answer to a verdict */
		break;
	}
}

/* --- while the application is asked --------------------------------------------------------- */

/* A handshake that is held until the verdict comes. */
struct pending_handshake {
	LIST_ENTRY(pending_handshake) link;
	struct server *sv;
	struct asker asker;
	struct application_question *question;
	char *handshake; /* owned, JSON */
	char sid[STORE_SID_SIZE];
	char texts[]; /* origin and address of the asker */
};

static void
free_pending_handshake(struct pending_handshake *p)
{
	LIST_REMOVE(p, link);
	free(p->handshake);
	free(p);
}

static void
on_handshake_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	struct pending_handshake *p = holder;

	/* without an answer there is one fate only: the client left */
	(void)x;
	(void)fate;
	application_cancel(p->question);
	free_pending_handshake(p);
}

static void
on_verdict(void *arg, int verdict, struct slice transports)
{
	struct pending_handshake *p = arg;
	enum session_create_result result = SESSION_APP_ERROR;

	/* what becomes of the answer is of no interest */
	p->asker.x->on_fate = NULL;
	p->asker.x->holder = NULL;
	if (p->sv->draining)
		result = SESSION_BUSY; /* a session made now would be lost with the process */
	else if (verdict == 0)
		result = session_create_as(p->sv->hub, p->handshake, p->asker.address, p->sid);
	else if (verdict == -EACCES)
		result = SESSION_UNAUTHORIZED;
	answer_handshake(p->sv, &p->asker, result, p->sid, transports);
	free_pending_handshake(p);
}

/* A copy of everything that must outlive the request; NULL: no memory. */
static struct pending_handshake *
make_pending_handshake(struct server *sv, const struct asker *asker, const char *handshake)
{
	struct pending_handshake *p = calloc(1, sizeof(*p) + asker->origin.n + asker->address.n);

	if (p == NULL)
		return NULL;
	p->sv = sv;
	p->asker = *asker;
	p->asker.origin.p = p->texts;
	p->asker.address.p = p->texts + asker->origin.n;
	/* memcpy may not be given NULL, even for no bytes */
	if (asker->origin.n > 0)
		memcpy(p->texts, asker->origin.p, asker->origin.n);
	if (asker->address.n > 0)
		memcpy(p->texts + asker->origin.n, asker->address.p, asker->address.n);
	LIST_INSERT_HEAD(&sv->handshakes, p, link);
	p->handshake = strdup(handshake);
	return p;
}

/* Hold the exchange and ask.  Return 0, or -1 when it cannot be asked now. */
static int
ask_application(struct server *sv, const struct asker *asker, const char *handshake)
{
	struct pending_handshake *p = make_pending_handshake(sv, asker, handshake);

	if (p == NULL)
		return -1;
	/* the id first: the hook is asked about a session that has a name */
	if (p->handshake != NULL && session_create_sid(sv->hub, p->sid) == 0)
		p->question = application_ask(sv->application, handshake,
		    sid_key((struct slice){p->sid, SID_LENGTH}), on_verdict, p);
	if (p->question == NULL) {
		free_pending_handshake(p);
		return -1;
	}
	asker->x->on_fate = on_handshake_fate;
	asker->x->holder = p;
	return 0;
}

void
handshake_request_drain(struct server *sv)
{
	struct pending_handshake *p;

	while ((p = LIST_FIRST(&sv->handshakes)) != NULL) {
		application_cancel(p->question);
		/* the server is draining: that is answered 503, whatever the verdict */
		on_verdict(p, 0, (struct slice){NULL, 0});
	}
}

/* --- the request ---------------------------------------------------------------------------- */

/* A token decides, or else the application. */
static void
admit_or_ask(struct server *sv, const struct asker *asker, const struct route *route)
{
	enum session_create_result result;
	char sid[STORE_SID_SIZE];

	switch (handshake_token_admit(sv, asker->x, route, &result, sid)) {
	case HANDSHAKE_TOKEN_ADMITS:
		answer_handshake(sv, asker, result, sid, (struct slice){NULL, 0});
		return;
	case HANDSHAKE_TOKEN_REFUSED:
		server_count(sv, COUNT_REFUSED_UNAUTHORIZED);
		refuse_handshake(sv, asker, 403, SLICE("handshake unauthorized"));
		return;
	case HANDSHAKE_TOKEN_NONE:
		break;
	}
	if (!application_asks(sv->application)) {
		result = session_create(sv->hub, sv->text.p, asker->address, sid);
		if (result != SESSION_ASKED) {
			answer_handshake(sv, asker, result, sid, (struct slice){NULL, 0});
			return;
		}
	}
	if (ask_application(sv, asker, sv->text.p) == -1) {
		log_limited(LOG_LEVEL_WARN,
		    "handshake refused: the application cannot be asked about %.*s now",
		    (int)asker->address.n, slice_text(asker->address));
		refuse_busy_handshake(sv, asker);
	}
}

/* A page's session, of which the application hears nothing. */
static void
admit_status(struct server *sv, const struct asker *asker)
{
	char sid[STORE_SID_SIZE];
	enum session_create_result result =
	    status_live_create(sv, asker->ticket, asker->address, sid);

	if (result == SESSION_UNAUTHORIZED) /* not the application says so */
		refuse_handshake(sv, asker, 403, SLICE("handshake unauthorized"));
	else
		answer_handshake(sv, asker, result, sid, (struct slice){NULL, 0});
}

static void
decide_handshake(struct server *sv, const struct asker *asker, const struct route *route)
{
	int left_out;

	if (asker->ticket.p != NULL) {
		admit_status(sv, asker);
		return;
	}
	buf_clear(&sv->text);
	left_out = handshake_json_write(&sv->text, asker->x, route, sv->cfg->handshake_bytes);
	if (left_out > 0)
		log_limited(LOG_LEVEL_WARN,
		    "handshake: %d headers of a client did not fit into [limits] handshake_bytes; "
		    "the application does not see them",
		    left_out);
	if (sv->text.failed) {
		refuse_busy_handshake(sv, asker);
	} else if (left_out == -1) {
		log_limited(LOG_LEVEL_INFO,
		    "handshake refused: the query of %.*s does not fit into [limits] "
		    "handshake_bytes",
		    (int)asker->address.n, slice_text(asker->address));
		server_count(sv, COUNT_REFUSED_TOO_LARGE);
		refuse_handshake(sv, asker, 431, SLICE("handshake query too long"));
	} else {
		admit_or_ask(sv, asker, route);
	}
}

static void
handshake_in_place(struct server *sv, const struct asker *asker, const struct route *route)
{
	switch (place_judge(sv, asker->x)) {
	case PLACE_FREE:
		break;
	case PLACE_NONE:
		if (needs_no_place(sv, asker))
			break;
		server_count(sv, COUNT_REFUSED_PLACE);
		answer_no_place(sv, asker);
		return;
	case PLACE_WAIT:
		server_count(sv, COUNT_REFUSED_PLACE);
		answer_waiting(sv, asker, 503, answer_busy(asker->origin).body);
		return;
	}
	decide_handshake(sv, asker, route);
}

void
handshake_request_handle(struct server *sv, struct exchange *x, const struct route *route)
{
	struct asker asker = {.x = x,
	    .origin = x->origin,
	    .address = x->address,
	    .has_jsonp = route->has_jsonp,
	    .upgrades = x->upgrades(x) && (sv->cfg->wsd_reachable == CONFIG_YES ||
					      !ways_is_closed(sv->ways, x, sv->now)),
	    .jsonp = route->jsonp};
	const struct answer head = {
	    .status = 200, .content_type = "text/plain", .origin = x->origin};

	if (slice_is(x->method, "HEAD"))
		answer_send(sv, x, &head);
	else if (!slice_is(x->method, "GET") && !slice_is(x->method, "POST"))
		answer_error(sv, x, 405, "A handshake is a GET or a POST.");
	else if (!status_live_is_asked(sv, route->query, &asker.ticket) &&
		 !origins_allow(slice_of(sv->cfg->origins), x->origin, x->referer))
		refuse_origin(sv, &asker);
	else if (sv->draining)
		refuse_draining(sv, &asker);
	else
		handshake_in_place(sv, &asker, route);
}
