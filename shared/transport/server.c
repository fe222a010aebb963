#include "shared/transport/server.h"

#include <stdlib.h>

#include "shared/app/module.h"
#include "shared/base/log.h"
#include "shared/hook/hook.h"
#include "shared/transport/internal.h"
#include "shared/transport/publish_keys.h"

/* Read the list of transports.  0, or -1 after logging which name is wrong. */
static int
read_transports(struct server *sv)
{
	struct slice rest = slice_of(sv->cfg->transports), name;

	while (slice_cut(&rest, ',', &name)) {
		enum transport_id id = transport_by_name(name);

		if (id == TRANSPORT_NONE) {
			log_errx("transports: \"%.*s\" is not a transport", (int)name.n, name.p);
			return -1;
		}
		sv->enabled |= 1u << id;
	}
	return 0;
}

static struct hub_options
hub_options(const struct server *sv)
{
	const struct config *cfg = sv->cfg;

	return (struct hub_options){
	    .kind = (int)sv->kind,
	    .folder = cfg->data,
	    .app = application_for_hub(sv->application),
	    .close_timeout_ms = cfg->close_timeout_ms,
	    .polling_duration_ms = cfg->polling_duration_ms,
	    .handshake_timeout_ms = cfg->handshake_timeout_ms,
	    .bad_packets = cfg->bad_packets,
	    .queue_packets = cfg->queue_packets,
	    .queue_bytes = cfg->queue_bytes,
	    .sessions = cfg->sessions,
	    .sessions_per_address = cfg->sessions_per_address,
	    .log_bytes = cfg->log_bytes,
	};
}

struct server *
server_open(const struct config *cfg, enum server_kind kind)
{
	struct server *sv = calloc(1, sizeof(*sv));
	struct hub_options options;

	if (sv == NULL)
		return NULL;
	sv->cfg = cfg;
	sv->kind = kind;
	LIST_INIT(&sv->asking);
	sv->heartbeat = message_new(SLICE("2::"));
	sv->goodbye = message_new(SLICE("0::"));
	sv->stranger = message_new(SLICE("7:::1+0"));
	if (sv->heartbeat == NULL || sv->goodbye == NULL || sv->stranger == NULL ||
	    read_transports(sv) == -1)
		goto fail;
	if (cfg->publish_enabled) {
		sv->publish_keys = publish_keys_open(cfg->publish_keys);
		if (sv->publish_keys == NULL)
			goto fail;
	}
	sv->application = cfg->hook_url[0] != '\0' ? hook_open(cfg) : module_open(cfg->module);
	if (sv->application == NULL)
		goto fail;
	options = hub_options(sv);
	sv->hub = hub_open(&options);
	if (sv->hub == NULL)
		goto fail;
	application_set_hub(sv->application, sv->hub);
	return sv;
fail:
	server_close(sv);
	return NULL;
}

void
server_close(struct server *sv)
{
	if (sv == NULL)
		return;
	if (sv->hub != NULL)
		application_stop(sv->application);
	hub_close(sv->hub);
	application_close(sv->application);
	publish_keys_close(sv->publish_keys);
	message_release(sv->heartbeat);
	message_release(sv->goodbye);
	message_release(sv->stranger);
	free(sv->promises);
	buf_free(&sv->promised);
	buf_free(&sv->text);
	buf_free(&sv->wrapped);
	buf_free(&sv->headers);
	free(sv);
}

int
server_wake_fd(const struct server *sv)
{
	return hub_wake_fd(sv->hub);
}

void
server_begin(struct server *sv, int64_t now_ms)
{
	sv->now = now_ms;
	hub_begin(sv->hub, now_ms);
}

void
server_wake(struct server *sv)
{
	hub_wake(sv->hub);
	application_wake(sv->application);
}

int
server_hook_fd(const struct server *sv)
{
	return application_fd(sv->application);
}

bool
server_is_busy(const struct server *sv)
{
	return application_is_busy(sv->application);
}

unsigned
server_held(const struct server *sv)
{
	return hub_held(sv->hub);
}

static void
preflight(struct server *sv, struct exchange *x)
{
	struct slice wanted = x->header(x, "access-control-request-headers");
	struct buf extra = {.p = NULL};

	buf_puts(&extra, "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n");
	if (wanted.n > 0) {
		buf_puts(&extra, "Access-Control-Allow-Headers: ");
		for (size_t i = 0; i < wanted.n; i++)
			buf_add_char(&extra, (unsigned char)wanted.p[i] < 0x20 ? ' ' : wanted.p[i]);
		buf_puts(&extra, "\r\n");
	}
	buf_puts(&extra, "Access-Control-Max-Age: 3600\r\n");
	buf_add_char(&extra, '\0');
	answer(sv, x, x->origin,
	    &(struct reply){200, NULL, extra.failed ? "" : extra.p, {NULL, 0}, false});
	buf_free(&extra);
}

static void
handle_transport(struct server *sv, struct exchange *x, const struct route *route)
{
	const struct transport *t = transport_row(route->transport);

	if (route->disconnect)
		handle_disconnect(sv, x, route);
	else if (!server_enables(sv, route->transport))
		answer_error(sv, x, 404, "This transport is not enabled.");
	else if (slice_is(x->method, "POST"))
		handle_post(sv, t, x, route);
	else if (slice_is(x->method, "GET"))
		t->open(sv, t, x, route);
	else
		answer_error(sv, x, 405, "A transport is used with GET and POST.");
}

void
server_request(struct server *sv, struct exchange *x)
{
	struct route route;

	if (handle_publish(sv, x))
		return;
	route_parse(&route, x->target, sv->cfg->resource);
	if (route.kind == ROUTE_NOT_FOUND) {
		answer_error(sv, x, 404, "Nothing is served under this address.");
		return;
	}
	if (slice_is(x->method, "OPTIONS")) {
		preflight(sv, x);
		return;
	}
	if (x->body_too_large) {
		answer_error(
		    sv, x, 413, "The body of this request is larger than the server takes.");
		return;
	}
	switch (route.kind) {
	case ROUTE_NOT_FOUND:
		break;
	case ROUTE_WELCOME:
		answer(sv, x, x->origin,
		    &(struct reply){200, "text/plain", "", SLICE("Welcome to socket.io."), false});
		break;
	case ROUTE_BAD_VERSION:
		if (handle_client_file(sv, x, &route))
			break;
		answer(sv, x, x->origin,
		    &(struct reply){
			500, "text/plain", "", SLICE("Protocol version not supported."), false});
		break;
	case ROUTE_SESSION: /* clients 0.9.7 and 0.9.8 leave without saying ?disconnect */
		if (!handle_disconnect(sv, x, &route))
			handle_handshake(sv, x, &route);
		break;
	case ROUTE_HANDSHAKE:
		handle_handshake(sv, x, &route);
		break;
	case ROUTE_TRANSPORT:
		handle_transport(sv, x, &route);
		break;
	}
}

void
server_refuse(struct server *sv, struct exchange *x, int status, const char *sentence)
{
	answer_error(sv, x, status, sentence);
}

static void
sooner(int64_t *next_ms, int64_t due)
{
	if (due < *next_ms)
		*next_ms = due;
}

int
server_settle(struct server *sv, int64_t *next_ms)
{
	int64_t polls, streams, beats;
	int result;

	application_run(sv->application);
	polls = polls_due(sv);
	streams = streams_due(sv);
	beats = heartbeats_due(sv);
	result = hub_settle(sv->hub, next_ms);
	if (result == -1)
		log_warnx("the turn could not be committed; its requests are told to try again");
	answers_due(sv, result == 0);
	sooner(next_ms, polls);
	sooner(next_ms, streams);
	sooner(next_ms, beats);
	sooner(next_ms, application_settled(sv->application, result == 0));
	return result;
}

void
server_drain(struct server *sv)
{
	sv->draining = true;
	polls_drain(sv);
	heartbeats_drain(sv);
	handshakes_drain(sv);
	application_drain(sv->application);
}
