#include "wsd/ws.h"

#include "shared/base/container.h"
#include "shared/hub/lifecycle.h"
#include "wsd/deadline.h"
#include "wsd/handover_record.h"
#include "wsd/http.h"
#include "wsd/outqueue.h"
#include "wsd/reply.h"

#define CLOSE_NORMAL 1000 /* RFC 6455 7.4.1 */

/* Read at once between frames: enough for what a client sends in one go, little enough that one
 * that floods cannot fill the others' queues within a turn. */
#define READ_FRAMES ((size_t)16 << 10)

/* --- the transport's operations ------------------------------------------------------------- */

static struct wsd_conn *
conn_of_websocket(struct websocket *ws)
{
	return container_of(ws, struct wsd_conn, ws);
}

/* Packets can be sent: in WSD_CONN_ENDING too, since the peer may still read. */
static bool
ws_can_send(const struct wsd_conn *c)
{
	return c->state == WSD_CONN_OPEN || c->state == WSD_CONN_ENDING;
}

static void
ws_send_packet(struct websocket *ws, struct message *m)
{
	struct wsd_conn *c = conn_of_websocket(ws);

	if (!ws_can_send(c))
		return;
	/* volatile: better lost than late */
	if (m->is_volatile && c->blocked)
		return;
	wsd_conn_send_limited(c, c->dialect->frame(c->wsd, m));
}

static void
ws_send_close(struct websocket *ws, int code, const char *reason)
{
	struct wsd_conn *c = conn_of_websocket(ws);

	/* the transport has let go of `ws`: it must not be told the end */
	c->attached = false;
	if (!ws_can_send(c))
		return;
	wsd_conn_send(c, c->dialect->close_frame(c->wsd, code, reason));
	wsd_conn_finish(c);
}

static void
ws_pause(struct websocket *ws)
{
	struct wsd_conn *c = conn_of_websocket(ws);

	/* flushing it, even if nothing is queued, watches for what it takes now */
	if (c->state == WSD_CONN_OPEN)
		wsd_conn_set_dirty(c);
}

static const struct websocket_ops ws_ops = {ws_send_packet, ws_send_close, ws_pause};

/* --- begin ---------------------------------------------------------------------------------- */

static void
ws_send_last_packet(struct wsd_conn *c, struct slice packet)
{
	struct message *m = message_new(packet);

	lifecycle_packet(WATCH_OUT, 0, packet);
	wsd_conn_send(c, m == NULL ? NULL : c->dialect->frame(c->wsd, m));
	message_release(m);
	wsd_conn_send(c, c->dialect->close_frame(c->wsd, CLOSE_NORMAL, ""));
	wsd_conn_finish(c);
}

void
ws_begin(struct wsd_conn *c, struct message *head, const struct route *route)
{
	/* an idle websocket has no deadline: the transport's heartbeats find a peer that is gone */
	deadline_clear(c);
	c->wsd->counters.upgrades++;
	c->protocol = &ws_protocol;
	/* all from the head on is taken back if this turn's commit fails */
	c->begun_turn = c->wsd->turn;
	c->begun_message = (uint32_t)outqueue_count(c->out);
	/* the head before the session: attaching queues its first packets */
	wsd_conn_send(c, head);
	if (c->state != WSD_CONN_OPEN)
		return;
	c->ws = (struct websocket){.ops = &ws_ops};
	c->attached = true;
	if (websocket_open(c->wsd->sv, &c->ws, route, &c->http->x) == -1) {
		c->attached = false;
		c->begun_turn--; /* no session was attached that a rollback could undo */
		ws_send_last_packet(c, WS_UNKNOWN);
	}
}

void
ws_begin_refused(struct wsd_conn *c, struct message *head, struct slice packet)
{
	deadline_clear(c);
	c->protocol = &ws_protocol;
	wsd_conn_send(c, head);
	ws_send_last_packet(c, packet);
}

/* --- from one process to another ------------------------------------------------------------ */

bool
ws_can_be_given(const struct wsd_conn *c)
{
	size_t bytes = outqueue_bytes(c->out);

	if (c->protocol != &ws_protocol || c->state != WSD_CONN_OPEN || !c->attached ||
	    c->given != NULL || c->eof || c->begun_turn == c->wsd->turn)
		return false;
	/* the keys of TLS stay here.  Or its session ends, or is on another node; or the
	 * application has paused it */
	if (c->tls != NULL || c->ws.session == NULL || c->ws.relayed != NULL || c->ws.paused)
		return false;
	/* between the fragments of a message there is more to it than its bytes */
	if (c->held != NULL || c->parked != NULL || c->is_parked)
		return false;
	if (c->partial != NULL)
		bytes += c->partial->bytes.n;
	return bytes <= HANDOVER_RECORD_MOST;
}

bool
ws_give(struct wsd_conn *c, struct websocket_state *state)
{
	if (!websocket_give(c->wsd->sv, &c->ws, state))
		return false;
	c->attached = false;
	return true;
}

void
ws_take(struct wsd_conn *c, const struct websocket_state *state)
{
	enum websocket_take taken;

	c->ws = (struct websocket){.ops = &ws_ops};
	c->attached = true;
	taken = websocket_take(c->wsd->sv, &c->ws, state);
	if (taken == WEBSOCKET_TAKEN)
		return;
	c->attached = false;
	if (taken == WEBSOCKET_LOST)
		ws_send_last_packet(c, WS_UNKNOWN);
	else /* nothing may be written: another process may have done so */
		wsd_conn_close(c, "socket end");
}

/* --- for the dialect ------------------------------------------------------------------------ */

bool
ws_text(struct wsd_conn *c, struct slice text)
{
	if (c->state != WSD_CONN_OPEN)
		return false;
	c->wsd->texts++;
	/* behind others that wait, or until the store can be had; then no more is read */
	if (c->parked != NULL || !websocket_text(c->wsd->sv, &c->ws, text)) {
		if (parked_add(&c->parked, text) == -1)
			wsd_conn_close(c, "socket error");
		wsd_conn_park(c);
	}
	return c->state == WSD_CONN_OPEN; /* the packet may have ended the session */
}

void
ws_control(struct wsd_conn *c, struct message *m)
{
	if (c->state == WSD_CONN_OPEN)
		wsd_conn_send_limited(c, m); /* a flood of pings must not fill memory with pongs */
	else
		message_release(m);
}

void
ws_peer_ended(struct wsd_conn *c, int code, const char *reason)
{
	if (c->state != WSD_CONN_OPEN)
		return;
	/* no close frame yet: this turn may still have answers for the peer, which go first */
	c->state = WSD_CONN_ENDING;
	c->code = (uint16_t)code;
	c->reason = reason;
	wsd_conn_set_after(c);
}

/* --- the protocol --------------------------------------------------------------------------- */

static void
ws_input(struct wsd_conn *c, struct slice *in)
{
	c->dialect->input(c, *in);
}

static void
ws_eof(struct wsd_conn *c)
{
	wsd_conn_close(c, "socket end");
}

static bool
ws_takes_input(const struct wsd_conn *c)
{
	const struct config *cfg = c->wsd->cfg;

	if (c->ws.paused || c->parked != NULL)
		return false;
	/* back-pressure: stop reading from a peer that does not read, at half of the limit that
	 * closes, because what is being handled may queue more */
	return !c->blocked || (outqueue_count(c->out) <= cfg->queue_packets / 2 &&
				  outqueue_bytes(c->out) <= cfg->queue_bytes / 2);
}

/* Hand on the texts that wait for the store, up to the first that still must. */
static void
ws_take_parked(struct wsd_conn *c)
{
	struct slice text;

	while (parked_first(c->parked, &text) && websocket_text(c->wsd->sv, &c->ws, text))
		parked_drop(&c->parked);
}

static void
ws_resume(struct wsd_conn *c)
{
	ws_take_parked(c);
	if (c->parked != NULL)
		wsd_conn_park(c);
}

static bool
ws_needs_store(const struct wsd_conn *c)
{
	return c->attached;
}

/* Detach from the hub, and give back what the dialect has borrowed. */
static void
ws_end(struct wsd_conn *c)
{
	ws_take_parked(c); /* what the peer said before its end */
	parked_free(&c->parked);
	if (c->attached) {
		c->attached = false;
		websocket_gone(c->wsd->sv, &c->ws, c->reason);
	}
	c->dialect->release(c);
	partial_free(&c->partial);
}

static void
ws_after(struct wsd_conn *c)
{
	if (c->state != WSD_CONN_ENDING)
		return;
	/* first the hub: what it has to say to this peer must not follow the close frame */
	ws_end(c);
	if (c->state != WSD_CONN_ENDING)
		return; /* that was too much for the queue, or closed it in another way */
	wsd_conn_send(c, c->dialect->close_frame(c->wsd, c->code, ""));
	wsd_conn_finish(c);
}

static const char *
ws_expire(struct wsd_conn *c)
{
	(void)c;
	return "socket end"; /* only sending has a deadline here, and that is conn.c's */
}

/* SIGTERM: server_drain() closes websockets, with the code 1001. */
static bool
ws_is_idle(const struct wsd_conn *c)
{
	(void)c;
	return false;
}

const struct protocol ws_protocol = {
    .name = "websocket",
    .read_bytes = READ_FRAMES,
    .metered = true,
    .input = ws_input,
    .eof = ws_eof,
    .takes_input = ws_takes_input,
    .flushed = deadline_clear,
    .after = ws_after,
    .resume = ws_resume,
    .needs_store = ws_needs_store,
    .expire = ws_expire,
    .is_idle = ws_is_idle,
    .end = ws_end,
};

void
ws_rollback(struct wsd_conn *c)
{
	if (c->begun_turn != c->wsd->turn || c->protocol != &ws_protocol ||
	    c->state == WSD_CONN_CLOSED)
		return;
	/* the packets tell of a session that is not in the database, and the head of one at all */
	outqueue_cut(&c->out, c->begun_message);
	if (!c->granted)
		wsd_conn_send(c, wsd_reply_error(503, "Try again.", (struct slice){NULL, 0}));
	wsd_conn_finish(c);
	ws_end(c);
}

static bool
is_undone(const void *arg, const struct message *m)
{
	return server_takes_back(arg, m);
}

void
ws_take_back(struct wsd_conn *c)
{
	size_t all = outqueue_count(c->out);
	size_t in_front = outqueue_take_back(&c->out, is_undone, c->wsd->sv);

	/* its end comes behind what is gone: say nothing of it, and the client comes again */
	if (in_front < all && c->state == WSD_CONN_FLUSHING)
		outqueue_cut(&c->out, in_front);
}
