/* relay_websocket: websockets whose session lives on another node: what they are sent comes from
 * there, and what they say goes there. */
#include <unistd.h>

#include "shared/hub/link.h"
#include "shared/store/slots.h"
#include "shared/transport/relayed.h"

#define CLOSE_REASON_MAX 123 /* bytes; RFC 6455 5.5 */

static struct relayed *
held_upgrade(const struct exchange *x)
{
	return x->on_fate == relay_on_fate ? x->holder : NULL;
}

/* --- where it is ---------------------------------------------------------------------------- */

void
relay_websocket_forget(struct exchange *x)
{
	struct relayed *r = held_upgrade(x);

	if (r == NULL)
		return;
	x->on_fate = NULL;
	relayed_free(r);
}

enum websocket_verdict
relay_websocket_judge(struct server *sv, struct exchange *x, const struct route *route)
{
	struct relayed *r = held_upgrade(x);
	struct link_place place;

	if (sv->relay == NULL)
		return WEBSOCKET_UNKNOWN;
	if (r != NULL) {
		if (link_lives(sv->hub, r->node))
			return r->state == RELAYED_JUDGED ? WEBSOCKET_GO : WEBSOCKET_WAIT;
		relay_websocket_forget(x);
		return WEBSOCKET_UNKNOWN;
	}
	place = link_place_of(sv->hub, route->sid);
	if (!link_lives(sv->hub, place.node))
		return WEBSOCKET_UNKNOWN;
	if (place.is_certain)
		return WEBSOCKET_GO;
	r = x->judge_again == NULL ? NULL : relayed_new(sv, x, route);
	if (r == NULL)
		return WEBSOCKET_REFUSED;
	x->on_fate = relay_on_fate;
	x->holder = r;
	r->is_upgrade = true;
	r->node = place.node;
	r->task = RELAYED_LOCATE;
	relay_perform(r);
	return WEBSOCKET_WAIT;
}

int
relay_websocket_open(
    struct server *sv, struct websocket *ws, struct exchange *x, const struct route *route)
{
	struct relayed *r = held_upgrade(x);
	struct link_place place;

	if (sv->relay == NULL)
		return -1;
	if (r == NULL) {
		place = link_place_of(sv->hub, route->sid);
		if (!place.is_certain || !link_lives(sv->hub, place.node))
			return -1;
		r = relayed_new(sv, x, route);
		if (r == NULL)
			return -1;
		r->node = place.node;
	}
	x->on_fate = NULL;
	r->x = NULL;
	r->ws = ws;
	ws->relayed = r;
	r->state = RELAYED_WEBSOCKET;
	relayed_name(r);
	relayed_tell(r, LINK_WS_OPEN, getpid(), buf_slice(&r->copy.bytes));
	relayed_drop_copy(r);
	slots_link_count(store_slots(hub_store(sv->hub)), LINK_COUNT_FORWARDED, 1);
	relayed_wait(r, &sv->relay->quiet, relayed_quiet_ms(sv));
	return 0;
}

/* --- what passes ---------------------------------------------------------------------------- */

bool
relay_websocket_text(struct server *sv, struct websocket *ws, struct slice text)
{
	if (!server_has_store(sv))
		return false;
	relayed_tell(ws->relayed, LINK_WS_TEXT, 0, text);
	return true;
}

void
relay_websocket_gone(struct websocket *ws, const char *reason)
{
	struct relayed *r = ws->relayed;

	ws->relayed = NULL;
	r->reason = reason;
	relayed_leave(r, RELAYED_SAY_CLOSED);
}

/* End the client's connection. */
static void
end_client(struct relayed *r, struct slice packet, int code, const char *reason)
{
	struct websocket *ws = r->ws;
	struct message *m = packet.n == 0 ? NULL : message_new(packet);

	r->ws = NULL;
	ws->relayed = NULL;
	if (m != NULL)
		ws->ops->send(ws, m);
	message_release(m);
	ws->ops->close(ws, code, reason);
}

void
relay_websocket_end(struct relayed *r, int code, const char *reason, const char *told)
{
	/* 1000: the session is lost, and its client is to shake hands anew; else its connection */
	end_client(
	    r, code == 1000 ? UNKNOWN_SESSION_PACKET : (struct slice){NULL, 0}, code, reason);
	r->reason = told;
	relayed_leave(r, RELAYED_SAY_CLOSED);
}

static void
pass_message(struct relayed *r, const struct link_signal *s)
{
	struct message *m = message_new(s->text);

	if (m == NULL) {
		/* never skip a packet */
		relay_websocket_end(r, 1011, "server busy", "socket error");
		return;
	}
	m->is_volatile = (s->number & 1) != 0;
	r->ws->ops->send(r->ws, m);
	message_release(m);
}

static void
pass_close(struct relayed *r, const struct link_signal *s)
{
	int code = s->number >= 1000 && s->number < 5000 ? (int)s->number : 1000;
	char reason[CLOSE_REASON_MAX + 1];
	size_t n = s->text.n > CLOSE_REASON_MAX ? 0 : s->text.n;

	if (n > 0)
		memcpy(reason, s->text.p, n);
	reason[n] = '\0';
	end_client(r, (struct slice){NULL, 0}, code, reason);
	relayed_free(r);
}

void
relay_websocket_heard(struct relayed *r, unsigned char kind, const struct link_signal *s)
{
	struct websocket *ws = r->ws;

	relayed_wait(r, &r->sv->relay->quiet, relayed_quiet_ms(r->sv));
	if (kind == LINK_WS_MESSAGE) {
		pass_message(r, s);
	} else if (kind == LINK_WS_CLOSE) {
		pass_close(r, s);
	} else {
		ws->paused = s->number != 0;
		ws->ops->pause(ws);
	}
}
