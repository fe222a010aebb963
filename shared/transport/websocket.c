#include "shared/transport/websocket.h"

#include <string.h>

#include "shared/base/container.h"
#include "shared/base/origins.h"
#include "shared/store/slots.h"
#include "shared/transport/cors.h"
#include "shared/transport/internal.h"
#include "shared/transport/relay.h"

/* --- what the hub says ---------------------------------------------------------------------- */

static void
on_websocket_send(void *sink, struct message *m)
{
	struct websocket *ws = sink;

	ws->ops->send(ws, m);
}

/* Send a packet that does not come from the hub. */
static void
send_own_packet(struct websocket *ws, int64_t key, struct message *m)
{
	hub_show_own(ws->server->hub, key, message_text(m));
	ws->ops->send(ws, m);
}

static void
on_websocket_end(void *sink, enum sink_end why)
{
	struct websocket *ws = sink;
	struct server *sv = ws->server;
	int64_t key = session_key(ws->session);

	/* the hub has detached it.  From here on websocket_text() takes no packets */
	heartbeat_stop(sv, &ws->heartbeat);
	ws->session = NULL;
	switch (why) {
	case SINK_SUPERSEDED:
		break;
	case SINK_DISCONNECTED:
		send_own_packet(ws, key, sv->disconnect_packet);
		break;
	case SINK_MOVED:
		send_own_packet(ws, key, sv->reconnect_packet);
		break;
	case SINK_LOST:
		send_own_packet(ws, key, sv->unknown_session_packet);
		break;
	case SINK_FAILED:
		/* not a packet: to the client it is a lost connection, and it reconnects */
		ws->ops->close(ws, 1011, "server busy");
		return;
	}
	ws->ops->close(ws, 1000, "");
}

static void
on_websocket_heard(void *sink)
{
	struct websocket *ws = sink;

	heartbeat_heard(ws->server, &ws->heartbeat);
}

static void
on_websocket_pause(void *sink, bool paused)
{
	struct websocket *ws = sink;

	ws->paused = paused;
	ws->ops->pause(ws);
}

static const struct sink_ops websocket_sink = {
    .send = on_websocket_send,
    .end = on_websocket_end,
    .heard = on_websocket_heard,
    .pause = on_websocket_pause,
};

/* --- the upgrade ---------------------------------------------------------------------------- */

static enum websocket_verdict
judge_upgrade(
    struct server *sv, const struct route *route, struct exchange *x, int *status, const char **why)
{
	struct session *s;

	*status = 400;
	if (route->kind == ROUTE_NOT_FOUND || route->kind == ROUTE_WELCOME) {
		*status = 404;
		*why = "No websocket is served under this path.";
		return WEBSOCKET_REFUSED;
	}
	if (route->kind != ROUTE_TRANSPORT || (route->transport != TRANSPORT_WEBSOCKET &&
						  route->transport != TRANSPORT_FLASHSOCKET)) {
		*why = "Only /1/websocket/SESSION can be upgraded.";
		return WEBSOCKET_REFUSED;
	}
	if (!server_enables(sv, route->transport)) {
		*status = 404;
		*why = "Websockets of this name are not enabled.";
		return WEBSOCKET_REFUSED;
	}
	if (!origins_allow(slice_of(sv->cfg->origins), x->origin, x->referer)) {
		cors_log_refusal("websocket", x);
		server_count(sv, COUNT_REFUSED_ORIGIN);
		*status = 403;
		*why = "handshake bad origin";
		return WEBSOCKET_REFUSED;
	}
	/* a client that is refused tries the next transport with the same session */
	*status = 503;
	*why = "server busy";
	if (sv->draining) {
		server_count(sv, COUNT_REFUSED_STOPPING);
		return WEBSOCKET_REFUSED;
	}
	switch (session_find(sv->hub, route->sid, &s)) {
	case SESSION_LIVE:
	case SESSION_ENDED:
		ways_note_passed(sv->ways, x, sv->now);
		relay_websocket_forget(x);
		return WEBSOCKET_GO;
	case SESSION_ELSEWHERE:
		ways_note_passed(sv->ways, x, sv->now);
		return relay_websocket_judge(sv, x, route);
	case SESSION_UNKNOWN:
		return WEBSOCKET_UNKNOWN;
	case SESSION_FAILED:
		server_count(sv, COUNT_REFUSED_BUSY);
		break;
	}
	return WEBSOCKET_REFUSED;
}

enum websocket_verdict
websocket_judge(
    struct server *sv, const struct route *route, struct exchange *x, int *status, const char **why)
{
	enum websocket_verdict verdict = judge_upgrade(sv, route, x, status, why);

	if (verdict == WEBSOCKET_REFUSED || verdict == WEBSOCKET_UNKNOWN)
		relay_websocket_forget(x);
	return verdict;
}

static void
end_websocket_session(struct server *sv, struct websocket *ws, const char *reason)
{
	struct session *s = ws->session;

	heartbeat_stop(sv, &ws->heartbeat);
	ws->session = NULL;
	/* detached first, so that the end is not sent to a connection that closes */
	session_detach(sv->hub, s);
	session_end(sv->hub, s, reason, false);
}

/* --- heartbeats ----------------------------------------------------------------------------- */

static struct websocket *
websocket_of(struct heartbeat *hb)
{
	return container_of(hb, struct websocket, heartbeat);
}

static void
on_websocket_beat(struct server *sv, struct heartbeat *hb)
{
	struct websocket *ws = websocket_of(hb);

	send_own_packet(ws, session_key(ws->session), sv->heartbeat_packet);
}

static void
on_websocket_expired(struct server *sv, struct heartbeat *hb)
{
	struct websocket *ws = websocket_of(hb);

	/* its answer may be there and is not read: who has paused it limits that */
	if (ws->paused) {
		heartbeat_start(sv, hb, hb->ops);
		return;
	}
	end_websocket_session(sv, ws, "heartbeat timeout");
	ws->ops->close(ws, 1000, "heartbeat timeout");
}

static void
on_websocket_drained(struct server *sv, struct heartbeat *hb)
{
	struct websocket *ws = websocket_of(hb);

	int64_t key = session_key(ws->session);

	/* not 0::, which would keep clients away: they find their next server by themselves */
	end_websocket_session(sv, ws, "server shutdown");
	if (sv->sends_off)
		send_own_packet(ws, key, sv->reconnect_packet);
	ws->ops->close(ws, 1001, "server shutdown");
}

static const struct heartbeat_ops websocket_heartbeat = {
    on_websocket_beat, on_websocket_expired, on_websocket_drained};

/* --- the connection ------------------------------------------------------------------------- */

/* Attach ws->session, which runs its heartbeat.  -1: it does neither any more. */
static int
attach_websocket(struct websocket *ws, enum transport_id transport)
{
	struct server *sv = ws->server;
	struct session *s = ws->session;

	if (session_attach(sv->hub, s, transport, true, &websocket_sink, ws) == 0)
		return 0;
	/* it failed before or after the session took the websocket: take it back */
	if (ws->session != NULL) {
		heartbeat_stop(sv, &ws->heartbeat);
		ws->session = NULL;
		if (session_has_sink(s, ws))
			session_detach(sv->hub, s);
	}
	return -1;
}

int
websocket_open(
    struct server *sv, struct websocket *ws, const struct route *route, struct exchange *x)
{
	enum session_find_result found;
	struct session *s;

	found = session_find(sv->hub, route->sid, &s);
	if (found == SESSION_ELSEWHERE)
		return relay_websocket_open(sv, ws, x, route);
	if (found != SESSION_LIVE && found != SESSION_ENDED)
		return -1;
	ws->server = sv;
	ws->session = s;
	/* all is ready before it is attached: that sends 1:: and whatever waits, and may end it */
	heartbeat_start(sv, &ws->heartbeat, &websocket_heartbeat);
	return attach_websocket(ws, route->transport);
}

/* --- to another process --------------------------------------------------------------------- */

bool
websocket_give(struct server *sv, struct websocket *ws, struct websocket_state *state)
{
	struct session *s = ws->session;

	memcpy(state->sid, session_sid(s), sizeof(state->sid));
	if (session_handover_give(sv->hub, s, &state->gen) == -1)
		return false;
	state->beat = ws->heartbeat.state;
	state->beat_at = ws->heartbeat.deadline;
	heartbeat_stop(sv, &ws->heartbeat);
	ws->session = NULL;
	return true;
}

enum websocket_take
websocket_take(struct server *sv, struct websocket *ws, const struct websocket_state *state)
{
	struct session *s;

	switch (session_find(sv->hub, slice_of(state->sid), &s)) {
	case SESSION_LIVE:
	case SESSION_ENDED:
		break;
	case SESSION_ELSEWHERE:
	case SESSION_UNKNOWN:
		return WEBSOCKET_LOST;
	case SESSION_FAILED:
		return WEBSOCKET_BUSY;
	}
	if (!session_handover_waits(s, state->gen))
		return WEBSOCKET_LATE;
	ws->server = sv;
	ws->session = s;
	heartbeat_resume(sv, &ws->heartbeat, &websocket_heartbeat, state->beat, state->beat_at);
	return attach_websocket(ws, session_transport(s)) == -1 ? WEBSOCKET_BUSY : WEBSOCKET_TAKEN;
}

/* --- packets -------------------------------------------------------------------------------- */

bool
websocket_text(struct server *sv, struct websocket *ws, struct slice text)
{
	if (ws->relayed != NULL)
		return relay_websocket_text(sv, ws, text);
	if (ws->session == NULL)
		return true; /* superseded or ended: ignore what still comes (PROTOCOL 14.3) */
	/* first, since the packet may end the session */
	heartbeat_heard(sv, &ws->heartbeat);
	return receive_from_stream(sv->hub, ws->session, text);
}

void
websocket_gone(struct server *sv, struct websocket *ws, const char *reason)
{
	if (ws->relayed != NULL)
		relay_websocket_gone(ws, reason);
	else if (ws->session != NULL)
		end_websocket_session(sv, ws, reason);
}
