#include "wsd/ws.h"

#include "shared/base/container.h"
#include "wsd/reply.h"
#include "wsd/deadline.h"
#include "wsd/outqueue.h"

#define NORMAL 1000 /* close code */

static struct wsd_conn *
of(struct websocket *ws)
{
	return container_of(ws, struct wsd_conn, ws);
}

/* Queue a message within the limits: past them the peer does not read, whatever its heartbeats
 * say.  Control frames count, too. */
static void
queue(struct wsd_conn *c, struct message *m)
{
	const struct config *cfg = c->wsd->cfg;

	wsd_conn_send(c, m);
	if (outqueue_count(c->out) > cfg->queue_packets ||
	    outqueue_bytes(c->out) > cfg->queue_bytes)
		wsd_conn_close(c, "queue overflow");
}

static void
op_send(struct websocket *ws, struct message *m)
{
	struct wsd_conn *c = of(ws);

	if (c->state != WSD_CONN_OPEN && c->state != WSD_CONN_ENDING)
		return;
	if (m->is_volatile && c->blocked)
		return;
	queue(c, c->dialect->frame(c->wsd, m));
}

static void
op_close(struct websocket *ws, int code, const char *reason)
{
	struct wsd_conn *c = of(ws);

	c->attached = false; /* the transport has let go */
	if (c->state != WSD_CONN_OPEN && c->state != WSD_CONN_ENDING)
		return;
	wsd_conn_send(c, c->dialect->close_frame(c->wsd, code, reason));
	wsd_conn_finish(c);
}

static const struct websocket_ops ops = {op_send, op_close};

/* Say one packet, and close_frame. */
static void
say(struct wsd_conn *c, struct slice packet)
{
	struct message *m = message_new(packet);

	wsd_conn_send(c, m == NULL ? NULL : c->dialect->frame(c->wsd, m));
	message_release(m);
	wsd_conn_send(c, c->dialect->close_frame(c->wsd, NORMAL, ""));
	wsd_conn_finish(c);
}

void
ws_begin(struct wsd_conn *c, struct message *head, const struct route *route)
{
	deadline_clear(c);
	c->wsd->counters.upgrades++;
	c->state = WSD_CONN_OPEN;
	wsd_conn_mark(c);
	wsd_conn_send(c, head);
	if (c->state != WSD_CONN_OPEN)
		return;
	c->ws = (struct websocket){.ops = &ops};
	c->attached = true;
	if (websocket_open(c->wsd->sv, &c->ws, route) == -1) {
		c->attached = false;
		c->turn--; /* no mark: there is no session that a rollback could end */
		say(c, WS_UNKNOWN);
	}
}

void
ws_tell(struct wsd_conn *c, struct message *head, struct slice packet)
{
	deadline_clear(c);
	wsd_conn_send(c, head);
	say(c, packet);
}

void
ws_input(struct wsd_conn *c, struct slice bytes)
{
	if (bytes.n > 0)
		c->dialect->input(c, bytes);
}

bool
ws_takes_input(const struct wsd_conn *c)
{
	const struct config *cfg = c->wsd->cfg;

	/* who talks but does not listen is not listened to */
	return !c->blocked || (outqueue_count(c->out) <= cfg->queue_packets / 2 &&
				  outqueue_bytes(c->out) <= cfg->queue_bytes / 2);
}

bool
ws_text(struct wsd_conn *c, struct slice text)
{
	if (c->state != WSD_CONN_OPEN)
		return false;
	c->wsd->texts++;
	websocket_text(c->wsd->sv, &c->ws, text);
	return c->state == WSD_CONN_OPEN;
}

void
ws_control(struct wsd_conn *c, struct message *m)
{
	if (c->state == WSD_CONN_OPEN)
		queue(c, m);
	else
		message_release(m);
}

void
ws_peer_ended(struct wsd_conn *c, int code, const char *reason)
{
	if (c->state != WSD_CONN_OPEN)
		return;
	c->state = WSD_CONN_ENDING;
	c->code = (uint16_t)code;
	c->reason = reason;
	wsd_conn_set_after(c);
}

void
ws_end(struct wsd_conn *c)
{
	if (c->attached) {
		c->attached = false;
		websocket_gone(c->wsd->sv, &c->ws, c->reason);
	}
	if (c->dialect != NULL)
		c->dialect->release(c);
	partial_free(&c->partial);
	if (c->state == WSD_CONN_ENDING) {
		wsd_conn_send(c, c->dialect->close_frame(c->wsd, c->code, ""));
		wsd_conn_finish(c);
	}
}

void
ws_rollback(struct wsd_conn *c)
{
	if (!c->granted)
		wsd_conn_send(c, wsd_reply_error(503, "Try again.", (struct slice){NULL, 0}));
	wsd_conn_finish(c);
	ws_end(c);
}
