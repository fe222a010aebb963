#include "shared/transport/relay.h"

#include <stdlib.h>
#include <unistd.h>

#include "shared/base/container.h"
#include "shared/base/log.h"
#include "shared/hub/link.h"
#include "shared/store/slots.h"
#include "shared/transport/relayed.h"

#define POLL_MORE_MS 10000 /* a poll has this much longer than its home holds it */

int
relay_open(struct server *sv)
{
	/* pollux-linkd gets requests for sessions that are here only: it must not send them on */
	return sv->cfg->cluster_redis[0] == '\0' || sv->kind == SERVER_LINKD ? 0 : relayed_open(sv);
}

void
relay_close(struct server *sv)
{
	relayed_close(sv);
}

/* --- the client's side ---------------------------------------------------------------------- */

void
relay_answer_busy(struct relayed *r)
{
	const struct answer busy = answer_busy(r->copy.x.origin);

	relayed_stop_waiting(r);
	relayed_unplan(r);
	r->state = RELAYED_ANSWERED;
	answer_send(r->sv, r->x, &busy);
	relayed_drop_copy(r);
}

/* Its home has the request, or will have it: each is taken once. */
void
relay_answer_taken(struct relayed *r)
{
	struct answer taken = post_taken(r->copy.x.origin);

	if (r->ends_session)
		taken = (struct answer){.status = 200, .origin = r->copy.x.origin};
	relayed_stop_waiting(r);
	r->state = RELAYED_ANSWERED;
	answer_send(r->sv, r->x, &taken);
	relayed_drop_copy(r);
}

void
relay_end_stream(struct relayed *r, struct slice packet)
{
	struct buf *piece = &r->sv->wrapped;

	relayed_disown(r->sv, r->id, RELAYED_SAY_GONE);
	relayed_stop_waiting(r);
	r->state = RELAYED_ANSWERED;
	buf_clear(piece);
	r->transport->wrap(piece, packet, r->index);
	if (!piece->failed)
		r->x->ops->piece(r->x, buf_slice(piece));
	r->x->ops->finish(r->x);
}

void
relay_judge_again(struct relayed *r)
{
	relayed_stop_waiting(r);
	relayed_unplan(r);
	r->state = RELAYED_JUDGED;
	r->x->judge_again(r->x);
}

/* Nobody could be asked, or nobody has answered. */
void
relay_fail(struct relayed *r)
{
	if (r->is_upgrade) {
		r->node = LINK_NOBODY;
		relay_judge_again(r);
	} else if (r->or_busy) {
		relay_answer_busy(r);
	} else {
		relayed_plan(r, RELAYED_SERVE_HERE);
	}
}

void
relay_on_fate(struct exchange *x, enum exchange_fate fate, void *holder)
{
	struct relayed *r = holder;

	(void)x;
	r->x = NULL;
	switch (r->state) {
	case RELAYED_FORWARDED:
	case RELAYED_STREAMING:
		relayed_leave(r, RELAYED_SAY_GONE);
		return;
	case RELAYED_ANSWERED:
		if (fate == EXCHANGE_SENT)
			break;
		relayed_leave(r, RELAYED_SAY_UNDELIVERED);
		return;
	case RELAYED_HERE:
		if (r->copy.x.on_fate != NULL)
			r->copy.x.on_fate(&r->copy.x, fate, r->copy.x.holder);
		/* until the end of the turn it may still be answered */
		relayed_end(r);
		return;
	case RELAYED_LOCATING:
	case RELAYED_JUDGED:
	case RELAYED_WEBSOCKET:
	case RELAYED_LEFT:
		break;
	}
	relayed_free(r);
}

/* --- served here ---------------------------------------------------------------------------- */

static struct relayed *
relayed_of_copy(struct exchange *x)
{
	return container_of(container_of(x, struct copied, x), struct relayed, copy);
}

static void
relayed_respond(struct exchange *x, const struct response *response)
{
	struct exchange *client = relayed_of_copy(x)->x;

	if (client != NULL)
		client->ops->respond(client, response);
}

static void
relayed_begin(struct exchange *x, const struct response *response)
{
	struct exchange *client = relayed_of_copy(x)->x;

	if (client != NULL)
		client->ops->begin(client, response);
}

static void
relayed_piece(struct exchange *x, struct slice bytes)
{
	struct exchange *client = relayed_of_copy(x)->x;

	if (client != NULL)
		client->ops->piece(client, bytes);
}

static void
relayed_finish(struct exchange *x)
{
	struct exchange *client = relayed_of_copy(x)->x;

	if (client != NULL)
		client->ops->finish(client);
}

static const struct exchange_ops relayed_ops = {
    relayed_respond, relayed_begin, relayed_piece, relayed_finish};

static void
serve_relayed_here(struct relayed *r)
{
	relayed_stop_waiting(r);
	relayed_unplan(r);
	r->task = RELAYED_NOTHING;
	r->state = RELAYED_HERE;
	r->copy.x.ops = &relayed_ops;
	if (r->sv->serve_here(r->sv, &r->copy.x))
		relayed_drop_copy(r);
	else
		answer_error(r->sv, &r->copy.x, 503, "server busy");
}

/* --- tasks ---------------------------------------------------------------------------------- */

static void
perform_locate(struct relayed *r)
{
	struct route route;

	route_parse(&route, r->copy.x.target, r->sv->cfg->resource);
	r->state = RELAYED_LOCATING;
	relayed_name(r);
	relayed_tell(r, LINK_LOCATE, 0, route.sid);
	relayed_wait(r, &r->sv->relay->brief, RELAY_ANSWER_MS);
}

static void
perform_forward(struct relayed *r)
{
	struct slots *slots = store_slots(hub_store(r->sv->hub));

	r->state = RELAYED_FORWARDED;
	r->link_down = !slots_link_is_up(slots);
	relayed_name(r);
	relayed_tell(r, LINK_REQUEST, getpid(), buf_slice(&r->copy.bytes));
	slots_link_count(slots, LINK_COUNT_FORWARDED, 1);
	relayed_wait(r, &r->sv->relay->brief, RELAY_ANSWER_MS);
	r->limit = r->sv->now + r->sv->cfg->polling_duration_ms + POLL_MORE_MS;
}

void
relay_perform(struct relayed *r)
{
	relayed_unplan(r);
	switch (r->task) {
	case RELAYED_NOTHING:
		break;
	case RELAYED_LOCATE:
		perform_locate(r);
		break;
	case RELAYED_FORWARD:
		perform_forward(r);
		break;
	case RELAYED_SERVE_HERE:
		serve_relayed_here(r);
		break;
	case RELAYED_SAY_GONE:
		relayed_tell(r, LINK_GONE, 0, (struct slice){NULL, 0});
		break;
	case RELAYED_SAY_UNDELIVERED:
		relayed_tell(r, LINK_UNDELIVERED, 0, (struct slice){NULL, 0});
		break;
	case RELAYED_SAY_CLOSED:
		relayed_tell(r, LINK_WS_CLOSE, 1000, slice_of(r->reason));
		break;
	}
}

/* --- requests ------------------------------------------------------------------------------- */

/* Is it a request whose session must be found, and which this process can answer? */
static bool
is_for_relay(struct server *sv, const struct exchange *x, const struct route *route)
{
	bool is_get = slice_is(x->method, "GET"), holds = is_get && !route->disconnect;

	if (route->kind == ROUTE_SESSION || (route->kind == ROUTE_TRANSPORT && route->disconnect))
		return true;
	if (route->kind != ROUTE_TRANSPORT || !server_enables(sv, route->transport) ||
	    (!is_get && !slice_is(x->method, "POST")))
		return false;
	/* what a process that ends does not hold, nor one to which the web server repeats it; and
	 * to a websocket's GET there is only one answer */
	return !holds || (!sv->draining && !x->again && route->transport != TRANSPORT_WEBSOCKET &&
			     route->transport != TRANSPORT_FLASHSOCKET &&
			     transport_works(sv, route->transport));
}

bool
relay_take(struct server *sv, struct exchange *x, const struct route *route)
{
	struct session *s;
	struct relayed *r;
	struct link_place place;

	if (sv->relay == NULL || !is_for_relay(sv, x, route) ||
	    session_find(sv->hub, route->sid, &s) != SESSION_ELSEWHERE)
		return false;
	place = link_place_of(sv->hub, route->sid);
	if (!link_lives(sv->hub, place.node))
		return false;
	r = relayed_new(sv, x, route);
	if (r == NULL) {
		const struct answer busy = answer_busy(x->origin);

		answer_send(sv, x, &busy);
		return true;
	}
	x->on_fate = relay_on_fate;
	x->holder = r;
	r->node = place.node;
	r->task = place.is_certain ? RELAYED_FORWARD : RELAYED_LOCATE;
	relay_perform(r);
	return true;
}
