/* receive: one packet of the client, PROTOCOL sections 5.3 to 5.7. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/hub/early.h"
#include "shared/hub/internal.h"
#include "shared/hub/publish.h"
#include "shared/wire/sid.h"

/* Digits of an ack's id; one with more was not sent by us, and would overflow. */
#define ACK_DIGITS_MAX 18

static void
join_namespace(struct hub *h, struct session *s, const struct packet *pk)
{
	struct slice query;
	struct hub_ns *ns;
	int verdict;

	if (pk->endpoint.n == 0) {
		/* joined by the handshake, but Ruby's client waits for an answer (CLIENTS 11) */
		if (pk->data.n == 0)
			hub_publish_packet(h, s, &(struct packet){.type = PACKET_CONNECT});
		return;
	}
	ns = membership_namespace(h, pk->endpoint, &query);
	/* endpoint and query are C strings to the application, which must not be given a part */
	if (ns == NULL || ns->name.n == 0 || slice_has_nul(pk->endpoint) ||
	    slice_has_nul(pk->data)) {
		membership_refuse(h, s, pk->endpoint);
		return;
	}
	if (held_sub(s, ns->chan) == NULL) {
		/* nobody has asked the application about a page of the status, and nobody may: it
		 * does not know of this session */
		if (sid_is_status(s->row.sid)) {
			membership_refuse(h, s, pk->endpoint);
			return;
		}
		/* some clients send the query as data: 1::/chat:?x=1 */
		if (query.n == 0 && pk->data.n > 0)
			query = pk->data.p[0] == '?' ? slice_skip(pk->data, 1) : pk->data;
		verdict = h->o.app.authorize_ns(h->o.app.arg, ns, s, pk->endpoint, query);
		/* asked elsewhere and answered later; or the application ended the session */
		if (verdict == -EINPROGRESS || s->over)
			return;
		if (verdict != 0) {
			membership_refuse(h, s, pk->endpoint);
			return;
		}
	}
	membership_accept(h, s, ns, pk->endpoint, query);
}

static void
leave_namespace(struct hub *h, struct session *s, const struct packet *pk)
{
	struct slice query;
	struct hub_ns *ns;

	if (pk->endpoint.n == 0) {
		session_end(h, s, "booted", true);
		return;
	}
	ns = membership_namespace(h, pk->endpoint, &query);
	if (ns != NULL)
		membership_leave_namespace(h, s, ns, "packet");
}

static void
hand_to_application(struct hub *h, struct session *s, const struct packet *pk, struct slice text)
{
	struct slice query;
	struct hub_ns *ns = membership_namespace(h, pk->endpoint, &query);

	if (ns != NULL)
		early_receive(h, s, ns, pk, text);
}

void
receive_answer(struct hub *h, struct session *s, int64_t id, struct slice args)
{
	struct ack_row expected;
	struct hub_ns *ns;

	/* by the id alone: ids are counted per session, as some clients omit the endpoint
	 * (CLIENTS 10) */
	switch (ack_row_take(h->store, s->row.key, id, &expected)) {
	case STORE_OK:
		ns = h->o.app.find(h->o.app.arg, slice_of(expected.ns));
		if (ns != NULL && membership_hears(s, ns))
			h->o.app.answered(h->o.app.arg, ns, s, &expected, args);
		ack_row_free(&expected);
		break;
	case STORE_FAILED:
		h->failed = true;
		break;
	default:
		break; /* no handler waits for this ack */
	}
}

static void
receive_ack(struct hub *h, struct session *s, const struct packet *pk)
{
	struct ack ack;
	char digits[ACK_DIGITS_MAX + 1];

	if (packet_ack(&ack, pk->data) == -1 || ack.id.n > ACK_DIGITS_MAX)
		return;
	memcpy(digits, ack.id.p, ack.id.n);
	digits[ack.id.n] = '\0';
	if (transaction_open(h) == 0 && !s->over)
		receive_answer(h, s, strtoll(digits, NULL, 10), ack.args);
}

static void
count_bad_packet(struct hub *h, struct session *s)
{
	int64_t n = -1;

	/* counted in the store: the next one may arrive in another process */
	if (transaction_open(h) == 0)
		n = session_row_count_bad(h->store, s->row.key);
	if (n == -1)
		h->failed = true;
	else if (n > (int64_t)h->o.bad_packets)
		session_end(h, s, "bad packets", false);
}

static void
note_spoke(struct hub *h, struct session *s)
{
	if (s->row.spoke)
		return;
	s->row.spoke = true;
	if (transaction_open(h) == -1 || session_row_set_spoke(h->store, s->row.key) == -1)
		h->failed = true;
}

void
receive_later(struct hub *h)
{
	h->postponed = true;
}

/* Handle a packet that is well-formed.  Return false if the application postpones it. */
static bool
handle_packet(struct hub *h, struct session *s, const struct packet *pk, struct slice text)
{
	switch (pk->type) {
	case PACKET_DISCONNECT:
		if (pk->endpoint.n > 0)
			early_acknowledge(h, s, pk);
		leave_namespace(h, s, pk);
		break;
	case PACKET_CONNECT:
		early_acknowledge(h, s, pk);
		join_namespace(h, s, pk);
		break;
	case PACKET_MESSAGE:
	case PACKET_JSON:
	case PACKET_EVENT:
		h->postponed = false;
		hand_to_application(h, s, pk, text);
		return !h->postponed;
	case PACKET_ACK:
		receive_ack(h, s, pk);
		break;
	case PACKET_ERROR:
	case PACKET_NOOP:
		early_acknowledge(h, s, pk);
		break;
	case PACKET_HEARTBEAT:
		break;
	}
	return true;
}

/* Does handling it need the store in any case?  What an event needs the application knows. */
static bool
packet_needs_store(const struct session *s, const struct packet *pk)
{
	return !s->row.spoke || pk->type == PACKET_CONNECT || pk->type == PACKET_DISCONNECT ||
	       pk->type == PACKET_ACK;
}

bool
receive_packet(struct hub *h, struct session *s, struct slice packet)
{
	struct packet pk = {.type = PACKET_NOOP};
	bool malformed;

	if (s->over)
		return true;
	/* an empty request or frame is a sign of life only */
	malformed = packet.n > 0 && packet_parse(&pk, packet) == -1;
	if ((malformed || packet_needs_store(s, &pk)) && transaction_try(h) == -1)
		return false;
	note_spoke(h, s);
	if (packet.n == 0)
		return true;
	/* not once more for one that was postponed */
	if (!s->postponed) {
		if (!sid_is_status(s->row.sid)) {
			h->received++;
			counters_packet(store_slots(h->store), COUNT_PACKETS_IN, &h->received_run,
			    s->row.transport, packet.n);
		}
		show_watchers(h, WATCH_IN, s->row.key, packet);
	}
	if (malformed) {
		count_bad_packet(h, s);
		return true;
	}
	/* an endpoint begins with a slash; only a client that wants to join is told of its error */
	if (pk.endpoint.n > 0 && pk.endpoint.p[0] != '/' && pk.type != PACKET_CONNECT)
		return true;
	s->postponed = !handle_packet(h, s, &pk, packet);
	return !s->postponed;
}

bool
receive_from_stream(struct hub *h, struct session *s, struct slice packet)
{
	unsigned opens = h->opens;
	bool done;

	h->parts.now++;
	done = receive_packet(h, s, packet);
	/* also what follows such a packet: it must not be heard without the first */
	if (h->opens != opens || s->visiting)
		part_is_lost(h, s);
	h->parts.now++;
	return done;
}
