#include "shared/hub/local.h"

#include <stdlib.h>

#include "shared/hub/channel.h"
#include "shared/hub/internal.h"
#include "shared/wire/sid.h"

static void
add_pending(struct hub *h, struct session *s, struct message *m)
{
	if (s->pending_n == s->pending_cap) {
		uint32_t cap = s->pending_cap == 0 ? 4 : s->pending_cap * 2;
		struct message **grown = realloc(s->pending, cap * sizeof(struct message *));

		if (grown == NULL) {
			h->failed = true;
			return;
		}
		s->pending = grown;
		s->pending_cap = cap;
	}
	s->pending[s->pending_n++] = message_keep(m);
	if (!s->ready) {
		s->ready = true;
		LIST_INSERT_HEAD(&h->ready, s, ready_link);
	}
}

/* Replace the namespace's name in a packet by the endpoint that this client knows it by
 * ("/chat?x=1").  Return a message with one reference of the caller's. */
static struct message *
readdress(const struct session *s, struct message *m)
{
	struct packet pk;
	struct buf text = {.p = NULL};
	struct message *renamed = NULL;

	if (packet_parse(&pk, message_text(m)) == 0)
		for (uint32_t i = 0; i < s->subs_n; i++)
			if (s->subs[i].endpoint != NULL && s->subs[i].ns != NULL &&
			    slice_equal(s->subs[i].ns->name, pk.endpoint)) {
				pk.endpoint = slice_of(s->subs[i].endpoint);
				packet_write(&text, &pk);
				if (!text.failed)
					renamed = message_new(buf_slice(&text));
				break;
			}
	buf_free(&text);
	if (renamed == NULL)
		return message_keep(m);
	renamed->id = m->id; /* the poll's cursor moves by it */
	renamed->part = m->part;
	return renamed;
}

void
local_send(struct hub *h, struct session *s, struct message *m)
{
	struct message *own;

	if (s->ops == NULL)
		return;
	own = s->aliased ? readdress(s, m) : message_keep(m);
	if (!sid_is_status(s->row.sid)) {
		h->sent++;
		counters_packet(store_slots(h->store), COUNT_PACKETS_OUT, &h->sent_run,
		    s->row.transport, message_text(own).n);
	}
	show_watchers(h, WATCH_OUT, s->row.key, message_text(own));
	if (s->row.streaming)
		s->ops->send(s->sink, own);
	else
		add_pending(h, s, own);
	message_release(own);
}

void
local_send_all(struct hub *h, struct channel *c, int64_t except_key, struct message *m)
{
	/* sinks only queue and never call the hub, so no member leaves during the walk */
	for (uint32_t i = 0; i < c->n; i++) {
		int64_t key = c->members[i].session->row.key;

		if (key != except_key && !message_leaves_out(m, key))
			local_send(h, c->members[i].session, m);
	}
}
