#include "wsd/ws.h"

#include "shared/base/container.h"
#include "wsd/reply.h"
#include "wsd/deadline.h"
#include "wsd/outqueue.h"

#define NORMAL 1000 /* close code */

static struct conn *
of(struct websocket *ws)
{
	return container_of(ws, struct conn, ws);
}

/* Queue a message within the limits: past them the peer does not read, whatever its heartbeats
 * say.  Control frames count, too. */
static void
queue(struct conn *c, struct message *m)
{
	const struct config *cfg = c->wsd->cfg;

	conn_send(c, m);
	if (outqueue_count(c->out) > cfg->queue_packets ||
	    outqueue_bytes(c->out) > cfg->queue_bytes)
		conn_close(c, "queue overflow");
}

static void
op_send(struct websocket *ws, struct message *m)
{
	struct conn *c = of(ws);

	if (c->state != CONN_OPEN && c->state != CONN_ENDING)
		return;
	if (m->is_volatile && c->blocked)
		return;
	queue(c, c->dialect->frame(c->wsd, m));
}

static void
op_close(struct websocket *ws, int code, const char *reason)
{
	struct conn *c = of(ws);

	c->attached = false; /* the transport has let go */
	if (c->state != CONN_OPEN && c->state != CONN_ENDING)
		return;
	conn_send(c, c->dialect->goodbye(c->wsd, code, reason));
	conn_finish(c);
}

static const struct websocket_ops ops = {op_send, op_close};

/* Say one packet, and goodbye. */
static void
say(struct conn *c, struct slice packet)
{
	struct message *m = message_new(packet);

	conn_send(c, m == NULL ? NULL : c->dialect->frame(c->wsd, m));
	message_release(m);
	conn_send(c, c->dialect->goodbye(c->wsd, NORMAL, ""));
	conn_finish(c);
}

void
ws_open(struct conn *c, struct message *head, const struct route *route)
{
	deadline_clear(c);
	c->wsd->counters.upgrades++;
	c->state = CONN_OPEN;
	conn_mark(c);
	conn_send(c, head);
	if (c->state != CONN_OPEN)
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
ws_tell(struct conn *c, struct message *head, struct slice packet)
{
	deadline_clear(c);
	conn_send(c, head);
	say(c, packet);
}

void
ws_input(struct conn *c, struct slice bytes)
{
	if (bytes.n > 0)
		c->dialect->input(c, bytes);
}

bool
ws_takes_input(const struct conn *c)
{
	const struct config *cfg = c->wsd->cfg;

	/* who talks but does not listen is not listened to */
	return !c->blocked || (outqueue_count(c->out) <= cfg->queue_packets / 2 &&
				  outqueue_bytes(c->out) <= cfg->queue_bytes / 2);
}

bool
ws_text(struct conn *c, struct slice text)
{
	if (c->state != CONN_OPEN)
		return false;
	c->wsd->texts++;
	websocket_text(c->wsd->sv, &c->ws, text);
	return c->state == CONN_OPEN;
}

void
ws_control(struct conn *c, struct message *m)
{
	if (c->state == CONN_OPEN)
		queue(c, m);
	else
		message_release(m);
}

void
ws_over(struct conn *c, int code, const char *reason)
{
	if (c->state != CONN_OPEN)
		return;
	c->state = CONN_ENDING;
	c->code = (uint16_t)code;
	c->reason = reason;
	conn_set_after(c);
}

void
ws_end(struct conn *c)
{
	if (c->attached) {
		c->attached = false;
		websocket_gone(c->wsd->sv, &c->ws, c->reason);
	}
	if (c->dialect != NULL)
		c->dialect->release(c);
	rest_free(&c->rest);
	if (c->state == CONN_ENDING) {
		conn_send(c, c->dialect->goodbye(c->wsd, c->code, ""));
		conn_finish(c);
	}
}

void
ws_rollback(struct conn *c)
{
	if (!c->granted)
		conn_send(c, reply_error(503, "Try again.", (struct slice){NULL, 0}));
	conn_finish(c);
	ws_end(c);
}
