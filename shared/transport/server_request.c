#include "shared/transport/cors.h"
#include "shared/transport/internal.h"
#include "shared/transport/place.h"
#include "shared/transport/publish_path.h"
#include "shared/transport/relay.h"
#include "shared/transport/server.h"

static void
answer_preflight(struct server *sv, struct exchange *x)
{
	struct buf headers = {.p = NULL};
	struct answer a = {.status = 200, .origin = x->origin};

	cors_allow_preflight(&headers, x->header(x, "access-control-request-headers"));
	buf_add_char(&headers, '\0');
	if (!headers.failed)
		a.headers = headers.p;
	answer_send(sv, x, &a);
	buf_free(&headers);
}

/* Answer with the exact words of the reference. */
static void
answer_plain(struct server *sv, struct exchange *x, int status, const char *words)
{
	struct answer a = answer_text(status, x->origin, slice_of(words));

	a.content_type = "text/plain";
	answer_send(sv, x, &a);
}

static void
handle_transport(struct server *sv, struct exchange *x, const struct route *route)
{
	const struct transport *t = transport_row(route->transport);

	/* before anything else: it has to work under every name, since what counts is the
	 * session */
	if (route->disconnect)
		post_disconnect(sv, x, route);
	else if (!server_enables(sv, route->transport))
		answer_error(sv, x, 404, "This transport is not enabled.");
	else if (slice_is(x->method, "POST"))
		post_handle(sv, t, x, route);
	else if (slice_is(x->method, "GET"))
		t->open(sv, t, x, route);
	else
		answer_error(sv, x, 405, "A transport takes GET and POST only.");
}

static void
handle_route(struct server *sv, struct exchange *x, const struct route *route)
{
	switch (route->kind) {
	case ROUTE_NOT_FOUND:
		answer_error(sv, x, 404, "Nothing is served under this address.");
		break;
	case ROUTE_WELCOME:
		answer_plain(sv, x, 200, "Welcome to socket.io.");
		break;
	case ROUTE_BAD_VERSION:
		if (!static_files_serve(sv, x, route))
			answer_plain(sv, x, 500, "Protocol version not supported.");
		break;
	case ROUTE_SESSION:
		/* clients 0.9.7 and 0.9.8 leave without saying ?disconnect */
		if (!post_disconnect(sv, x, route))
			handshake_request_handle(sv, x, route);
		break;
	case ROUTE_HANDSHAKE:
		handshake_request_handle(sv, x, route);
		break;
	case ROUTE_TRANSPORT:
		handle_transport(sv, x, route);
		break;
	}
}

/* Does the request need the store? */
static bool
request_needs_store(const struct route *route, const struct exchange *x)
{
	if (slice_is(x->method, "OPTIONS") || x->body_too_large)
		return false;
	return route->kind == ROUTE_SESSION || route->kind == ROUTE_HANDSHAKE ||
	       route->kind == ROUTE_TRANSPORT;
}

static bool
take_request(struct server *sv, struct exchange *x, bool may_forward)
{
	struct route route;

	route_parse(&route, x->target, sv->cfg->resource);
	if ((publish_path_writes(sv, x) || request_needs_store(&route, x)) &&
	    !server_has_store(sv) && !transaction_gave_up(sv->hub))
		return false;
	/* a path of its own, whatever the resource is called */
	if (publish_path_handle(sv, x))
		return true;
	/* preflights and bodies that were not read are answered alike for all that we serve */
	if (route.kind != ROUTE_NOT_FOUND && slice_is(x->method, "OPTIONS"))
		answer_preflight(sv, x);
	else if (route.kind != ROUTE_NOT_FOUND && x->body_too_large)
		answer_too_large(sv, x);
	else if (!may_forward || place_is_no_session(route.sid) || !relay_take(sv, x, &route))
		handle_route(sv, x, &route);
	return true;
}

bool
server_request(struct server *sv, struct exchange *x)
{
	return take_request(sv, x, true);
}

bool
server_request_here(struct server *sv, struct exchange *x)
{
	return take_request(sv, x, false);
}
