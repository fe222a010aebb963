/* One packet of the client: PROTOCOL sections 5.3 to 5.7. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"

/* Write and send a packet of our own to the session.  hub_send() renames no endpoint for a session
 * that spells it in its own way, so `pk` bears what the client wrote. */
static void
answer(struct hub *h, struct session *s, const struct packet *pk)
{
	struct buf text = {.p = NULL};

	packet_write(&text, pk);
	if (text.failed || hub_send(h, s, buf_slice(&text), false) == -1)
		h->failed = true;
	buf_free(&text);
}

/* PROTOCOL 5.4: an id without '+' is acknowledged by the server itself, before the application
 * sees the packet; not for heartbeats, acks, and the end of the whole session. */
static void
acknowledge(struct hub *h, struct session *s, const struct packet *pk)
{
	if (pk->id.n == 0 || pk->ack_data || pk->type == PACKET_HEARTBEAT || pk->type == PACKET_ACK)
		return;
	answer(
	    h, s, &(struct packet){.type = PACKET_ACK, .endpoint = pk->endpoint, .data = pk->id});
}

/* PROTOCOL 5.6: the namespace is looked up by what stands before '?'. */
static struct hub_ns *
namespace_of(struct hub *h, struct slice endpoint, struct slice *query)
{
	const char *mark = endpoint.n == 0 ? NULL : memchr(endpoint.p, '?', endpoint.n);
	struct slice name = endpoint;

	*query = (struct slice){NULL, 0};
	if (mark != NULL) {
		name.n = (size_t)(mark - endpoint.p);
		*query = slice_skip(endpoint, name.n + 1);
	}
	return h->o.app.find(h->o.app.arg, name);
}

void
hub_refuse(struct hub *h, struct session *s, struct slice endpoint)
{
	answer(
	    h, s, &(struct packet){.type = PACKET_ERROR, .endpoint = endpoint, .data = SLICE("2")});
}

void
hub_admit(
    struct hub *h, struct session *s, struct hub_ns *ns, struct slice endpoint, struct slice query)
{
	bool again = session_is_in(s, ns->chan);

	if (!again && session_enter(h, s, ns, endpoint) == -1)
		return;
	answer(h, s, &(struct packet){.type = PACKET_CONNECT, .endpoint = endpoint});
	if (!again)
		h->o.app.connected(h->o.app.arg, ns, s, query);
}

static void
join_namespace(struct hub *h, struct session *s, const struct packet *pk)
{
	struct slice query;
	struct hub_ns *ns;
	int verdict;

	if (pk->endpoint.n == 0) {
		/* joined already: begins nothing anew, but Ruby's client waits for it (CLIENTS 11) */
		if (pk->data.n == 0)
			answer(h, s, &(struct packet){.type = PACKET_CONNECT});
		return;
	}
	ns = namespace_of(h, pk->endpoint, &query);
	if (ns == NULL || ns->name.n == 0) {
		hub_refuse(h, s, pk->endpoint);
		return;
	}
	if (!session_is_in(s, ns->chan)) {
		if (query.n == 0 && pk->data.n > 0) /* 1::/chat:?x=1 */
			query = pk->data.p[0] == '?' ? slice_skip(pk->data, 1) : pk->data;
		verdict = h->o.app.authorize_ns(h->o.app.arg, ns, s, pk->endpoint, query);
		if (verdict == -EINPROGRESS || s->over) /* the latter by the application's word */
			return;
		if (verdict != 0) {
			hub_refuse(h, s, pk->endpoint);
			return;
		}
	}
	hub_admit(h, s, ns, pk->endpoint, query);
}

static void
leave_namespace(struct hub *h, struct session *s, const struct packet *pk)
{
	struct slice query;
	struct hub_ns *ns;

	if (pk->endpoint.n == 0) {
		hub_end(h, s, "booted", true);
		return;
	}
	ns = namespace_of(h, pk->endpoint, &query);
	if (ns != NULL)
		session_exit(h, s, ns, "packet");
}

static void
to_application(struct hub *h, struct session *s, const struct packet *pk)
{
	struct slice query;
	struct hub_ns *ns = namespace_of(h, pk->endpoint, &query);

	if (ns != NULL && session_hears(s, ns))
		h->o.app.received(h->o.app.arg, ns, s, pk);
}

/* Ids are counted per session, since some clients leave the endpoint out (CLIENTS 10). */
void
receive_answer(struct hub *h, struct session *s, int64_t id, struct slice args)
{
	struct store_ack expected;
	struct hub_ns *ns;

	switch (store_ack_take(h->store, s->row.key, id, &expected)) {
	case 1:
		ns = h->o.app.find(h->o.app.arg, slice_of(expected.ns));
		if (ns != NULL && session_hears(s, ns))
			h->o.app.answered(h->o.app.arg, ns, s, &expected, args);
		store_ack_free(&expected);
		break;
	case -1:
		h->failed = true;
		break;
	}
}

static void
answered(struct hub *h, struct session *s, const struct packet *pk)
{
	struct ack ack;
	char digits[PACKET_ID_MAX + 1];

	if (packet_ack(&ack, pk->data) == -1 || ack.id.n > 18)
		return;
	memcpy(digits, ack.id.p, ack.id.n);
	digits[ack.id.n] = '\0';
	if (hub_transaction(h) == 0 && !s->over)
		receive_answer(h, s, strtoll(digits, NULL, 10), ack.args);
}

static void
bad_packet(struct hub *h, struct session *s)
{
	int64_t n = -1;

	/* in the store, since the next one may arrive in another process */
	if (hub_transaction(h) == 0)
		n = store_session_count_bad(h->store, s->row.key);
	if (n == -1)
		h->failed = true;
	else if (n > (int64_t)h->o.bad_packets)
		hub_end(h, s, "bad packets", false);
}

static void
note_life(struct hub *h, struct session *s)
{
	if (s->row.spoke)
		return;
	s->row.spoke = true;
	if (hub_transaction(h) == -1 || store_session_set_spoke(h->store, s->row.key) == -1)
		h->failed = true;
}

void
hub_receive(struct hub *h, struct session *s, struct slice packet)
{
	struct packet pk;

	if (s->over)
		return;
	note_life(h, s);
	if (packet.n == 0)
		return;
	h->received++;
	hub_show(h, WATCH_IN, s->row.key, packet);
	if (packet_parse(&pk, packet) == -1) {
		bad_packet(h, s);
		return;
	}
	/* an endpoint begins with a slash; only a client that joins is told so */
	if (pk.endpoint.n > 0 && pk.endpoint.p[0] != '/' && pk.type != PACKET_CONNECT)
		return;
	if (pk.type != PACKET_DISCONNECT || pk.endpoint.n > 0)
		acknowledge(h, s, &pk);
	switch (pk.type) {
	case PACKET_DISCONNECT:
		leave_namespace(h, s, &pk);
		break;
	case PACKET_CONNECT:
		join_namespace(h, s, &pk);
		break;
	case PACKET_MESSAGE:
	case PACKET_JSON:
	case PACKET_EVENT:
		to_application(h, s, &pk);
		break;
	case PACKET_ACK:
		answered(h, s, &pk);
		break;
	case PACKET_HEARTBEAT:
	case PACKET_ERROR:
	case PACKET_NOOP:
		break;
	}
}
