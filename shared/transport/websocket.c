#include "shared/transport/websocket.h"

#include "shared/base/log.h"
#include "shared/transport/internal.h"
#include "shared/wire/handshake.h"
#include "shared/wire/origins.h"

/* What a websocket waits for: websocket.due. */
enum {
	DUE_NOTHING,
	DUE_HEARTBEAT,
	DUE_ANSWER
};

static struct websocket_list *
list_of(struct server *sv, const struct websocket *ws)
{
	return ws->due == DUE_HEARTBEAT ? &sv->beating : &sv->waiting;
}

static void
stop_waiting(struct server *sv, struct websocket *ws)
{
	struct websocket_list *list = list_of(sv, ws);

	if (ws->due == DUE_NOTHING)
		return;
	if (ws->prev != NULL)
		ws->prev->next = ws->next;
	else
		list->first = ws->next;
	if (ws->next != NULL)
		ws->next->prev = ws->prev;
	else
		list->last = ws->prev;
	ws->due = DUE_NOTHING;
}

static void
wait_for(struct server *sv, struct websocket *ws, uint8_t due)
{
	struct websocket_list *list;

	stop_waiting(sv, ws);
	ws->due = due;
	ws->deadline = sv->now + (due == DUE_HEARTBEAT ? sv->cfg->heartbeat_interval_ms
						       : sv->cfg->heartbeat_timeout_ms);
	list = list_of(sv, ws);
	ws->prev = list->last;
	ws->next = NULL;
	if (ws->prev != NULL)
		ws->prev->next = ws;
	else
		list->first = ws;
	list->last = ws;
}

static void
on_send(void *sink, struct message *m)
{
	struct websocket *ws = sink;

	ws->ops->send(ws, m);
}

static void
on_end(void *sink, enum sink_end why)
{
	struct websocket *ws = sink;
	struct server *sv = ws->server;

	stop_waiting(sv, ws);
	ws->session = NULL;
	switch (why) {
	case SINK_SUPERSEDED:
		break;
	case SINK_DISCONNECTED:
		ws->ops->send(ws, sv->goodbye);
		break;
	case SINK_FAILED: /* the program closes it anyway */
	case SINK_LOST:
		ws->ops->send(ws, sv->stranger);
		break;
	}
	ws->ops->close(ws, 1000, "");
}

static const struct sink_ops websocket_sink = {.send = on_send, .end = on_end};

enum websocket_verdict
websocket_judge(struct server *sv, const struct route *route, const struct exchange *x, int *status,
    const char **why)
{
	struct session *s;

	*status = 400;
	if (route->kind == ROUTE_NOT_FOUND || route->kind == ROUTE_WELCOME) {
		*status = 404;
		*why = "There is no websocket here.";
		return WEBSOCKET_REFUSED;
	}
	if (route->kind != ROUTE_TRANSPORT || (route->transport != TRANSPORT_WEBSOCKET &&
						  route->transport != TRANSPORT_FLASHSOCKET)) {
		*why = "An upgrade is for /1/websocket/SESSION only.";
		return WEBSOCKET_REFUSED;
	}
	if ((sv->enabled & 1u << route->transport) == 0) {
		*status = 404;
		*why = "This transport is not enabled.";
		return WEBSOCKET_REFUSED;
	}
	if (!origins_allow(slice_of(sv->cfg->origins), x->origin, x->referer)) {
		*status = 403;
		*why = "handshake bad origin";
		return WEBSOCKET_REFUSED;
	}
	*status = 503;
	*why = "server busy";
	if (sv->draining)
		return WEBSOCKET_REFUSED;
	switch (hub_find(sv->hub, route->sid, &s)) {
	case HUB_LIVE:
		return WEBSOCKET_GO;
	case HUB_UNKNOWN:
		return WEBSOCKET_UNKNOWN;
	case HUB_ENDED:
		return WEBSOCKET_ENDED;
	case HUB_FAILED:
		break;
	}
	return WEBSOCKET_REFUSED;
}

int
websocket_open(struct server *sv, struct websocket *ws, const struct route *route)
{
	struct session *s;

	if (hub_find(sv->hub, route->sid, &s) != HUB_LIVE)
		return -1;
	ws->server = sv;
	ws->session = s;
	ws->due = DUE_NOTHING;
	wait_for(sv, ws, DUE_HEARTBEAT);
	if (hub_attach(sv->hub, s, route->transport, true, &websocket_sink, ws) == -1) {
		if (ws->session != NULL) {
			stop_waiting(sv, ws);
			ws->session = NULL;
			hub_detach(sv->hub, s);
		}
		return -1;
	}
	return 0;
}

void
websocket_text(struct server *sv, struct websocket *ws, struct slice text)
{
	if (ws->session == NULL)
		return;            /* superseded or ended: no packets are taken any more */
	if (ws->due == DUE_ANSWER) /* any packet is a sign of life */
		wait_for(sv, ws, DUE_HEARTBEAT);
	hub_receive(sv->hub, ws->session, text);
}

/* Let go of the session and end it. */
static void
end(struct server *sv, struct websocket *ws, const char *reason)
{
	struct session *s = ws->session;

	stop_waiting(sv, ws);
	ws->session = NULL;
	hub_detach(sv->hub, s);
	hub_end(sv->hub, s, reason, false);
}

void
websocket_gone(struct server *sv, struct websocket *ws, const char *reason)
{
	if (ws->session != NULL)
		end(sv, ws, reason);
}

int64_t
websockets_due(struct server *sv)
{
	struct websocket *ws;
	int64_t next = INT64_MAX;

	while ((ws = sv->beating.first) != NULL && ws->deadline <= sv->now) {
		wait_for(sv, ws, DUE_ANSWER);
		ws->ops->send(ws, sv->heartbeat);
	}
	if (ws != NULL)
		next = ws->deadline;
	while ((ws = sv->waiting.first) != NULL && ws->deadline <= sv->now) {
		end(sv, ws, "heartbeat timeout");
		ws->ops->close(ws, 1000, "heartbeat timeout");
	}
	if (ws != NULL && ws->deadline < next)
		next = ws->deadline;
	return next;
}

void
websockets_drain(struct server *sv)
{
	struct websocket *ws;

	/* not 0::, which would keep clients away: they find their next server by themselves */
	while ((ws = sv->beating.first != NULL ? sv->beating.first : sv->waiting.first) != NULL) {
		end(sv, ws, "server shutdown");
		ws->ops->close(ws, 1001, "server shutdown");
	}
}
