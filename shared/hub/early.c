#include "shared/hub/early.h"

#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/hub/publish.h"
#include "shared/store/early_packet.h"
#include "shared/wire/sid.h"

#define EXPIRED_LINES_MAX 100 /* in the log, a second */

static void
log_dropped(int64_t key, struct slice ns, const char *why)
{
	char id[SID_PUBLIC_LENGTH + 1];

	sid_public_write(id, key);
	log_debug("session %s: a packet for %.*s is dropped: %s", id, (int)ns.n, ns.p, why);
}

void
early_acknowledge(struct hub *h, struct session *s, const struct packet *pk)
{
	/* postponed: it was acknowledged when it came first */
	if (s->postponed || pk->id.n == 0 || pk->ack_data || pk->type == PACKET_HEARTBEAT ||
	    pk->type == PACKET_ACK)
		return;
	hub_publish_packet(
	    h, s, &(struct packet){.type = PACKET_ACK, .endpoint = pk->endpoint, .data = pk->id});
}

/* --- receiving ------------------------------------------------------------------------------ */

/* Return false when the session has left the namespace, or has not joined it. */
static bool
hand_on(struct hub *h, struct session *s, struct hub_ns *ns, const struct packet *pk)
{
	const struct sub *sub = held_sub(s, ns->chan);

	if (s->over || sub == NULL || sub->leaving)
		return false;
	early_acknowledge(h, s, pk);
	h->o.app.received(h->o.app.arg, ns, s, pk);
	return true;
}

/* Return false when it is not kept. */
static bool
keep_early(struct hub *h, struct session *s, struct hub_ns *ns, struct slice text)
{
	const struct early_limits limits = {h->o.early_packets, h->o.early_bytes};
	int64_t until = h->now + h->o.early_timeout_ms;

	switch (early_packet_add(h->store, s->row.key, ns->name, text, until, &limits)) {
	case STORE_OK:
		return true;
	case STORE_FAILED:
		h->failed = true;
		return true;
	default:
		break;
	}
	/* what was refused once need not be asked of the store for every packet */
	s->shut = ns;
	s->shut_until = until;
	return false;
}

void
early_receive(
    struct hub *h, struct session *s, struct hub_ns *ns, const struct packet *pk, struct slice text)
{
	bool shut = s->shut == ns && h->now < s->shut_until;

	if (hand_on(h, s, ns, pk))
		return;
	if (!shut && ns->name.n > 0 && held_sub(s, ns->chan) == NULL) {
		if (transaction_try(h) == -1) {
			h->postponed = true;
			return;
		}
		/* opening it catches up: another process may have made it join, or ended it */
		if (transaction_open(h) == -1 || hand_on(h, s, ns, pk))
			return;
		if (!s->over && keep_early(h, s, ns, text))
			return;
	}
	log_dropped(s->row.key, ns->name, "the namespace is not joined");
}

/* --- joining -------------------------------------------------------------------------------- */

struct kept_packets {
	const struct hub *h;
	int64_t key;
	struct slice ns;
	struct message **at; /* room for all that may be kept */
	size_t n, cap;
	bool failed;
};

static void
add_kept(void *arg, struct slice packet, int64_t until)
{
	struct kept_packets *kept = arg;

	if (until <= kept->h->now) {
		log_dropped(kept->key, kept->ns, "the namespace was not joined in time");
		return;
	}
	if (kept->n == kept->cap) {
		size_t cap = kept->cap == 0 ? 16 : 2 * kept->cap;
		struct message **grown = realloc(kept->at, cap * sizeof(struct message *));

		if (grown == NULL) {
			kept->failed = true;
			return;
		}
		kept->at = grown;
		kept->cap = cap;
	}
	kept->at[kept->n] = message_new(packet);
	if (kept->at[kept->n] == NULL)
		kept->failed = true;
	else
		kept->n++;
}

void
early_deliver(struct hub *h, struct session *s, struct hub_ns *ns)
{
	struct kept_packets kept = {.h = h, .key = s->row.key, .ns = ns->name};
	/* read to the end first: handlers use the store */
	int rows = early_packet_list(h->store, s->row.key, ns->name, add_kept, &kept);
	struct packet pk;

	s->shut = NULL;
	if (rows == -1 || kept.failed ||
	    (rows > 0 && early_packet_delete(h->store, s->row.key, ns->name) == -1))
		h->failed = true;
	for (size_t i = 0; i < kept.n; i++) {
		if (!h->failed && packet_parse(&pk, message_text(kept.at[i])) == 0 &&
		    !hand_on(h, s, ns, &pk))
			log_dropped(s->row.key, ns->name, "the namespace was left");
		message_release(kept.at[i]);
	}
	free(kept.at);
}

/* --- not joining ---------------------------------------------------------------------------- */

static void
log_refused(void *arg, struct slice packet, int64_t until)
{
	struct kept_packets *kept = arg;

	(void)packet;
	(void)until;
	kept->n++;
	log_dropped(kept->key, kept->ns, "the namespace refused its client");
}

void
early_drop(struct hub *h, struct session *s, const struct hub_ns *ns)
{
	struct kept_packets kept = {.key = s->row.key, .ns = ns->name};

	/* mostly there is none, and reading needs no transaction */
	if (early_packet_list(h->store, s->row.key, ns->name, log_refused, &kept) == -1 ||
	    (kept.n > 0 && (transaction_open(h) == -1 ||
			       early_packet_delete(h->store, s->row.key, ns->name) == -1)))
		h->failed = true;
}

int
early_shut(struct hub *h, struct session *s, struct hub_ns *ns)
{
	if (early_packet_shut(h->store, s->row.key, ns->name) == 0)
		return 0;
	h->failed = true;
	return -1;
}

static void
log_expired(void *arg, int64_t key, struct slice ns, int n)
{
	char id[SID_PUBLIC_LENGTH + 1];

	(void)arg;
	sid_public_write(id, key);
	log_debug("session %s: packets for %.*s are dropped, as it was not joined in time: %d", id,
	    (int)ns.n, ns.p, n);
}

void
early_expire(struct hub *h)
{
	if (early_packet_list_due(h->store, h->now, EXPIRED_LINES_MAX, log_expired, NULL) > 0 &&
	    transaction_open_now(h) == 0 && early_packet_delete_due(h->store, h->now) == -1)
		h->failed = true;
}
