#include "shared/hub/link.h"

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/link/pack.h"
#include "shared/store/link_out.h"
#include "shared/store/room_history.h"
#include "shared/store/slots.h"
#include "shared/wire/sid.h"

#define VERDICT_MS 10000 /* of patience with pollux-linkd, which may not even run */

/* --- who is where --------------------------------------------------------------------------- */

bool
link_is_on(const struct hub *h)
{
	return h->o.cluster;
}

int
link_number(const struct hub *h)
{
	return slots_link_number(store_slots(h->store));
}

bool
link_lives(const struct hub *h, int number)
{
	return slots_link_lives(store_slots(h->store), number);
}

bool
link_rules_out(struct hub *h, struct slice sid)
{
	const struct slots *sl = store_slots(h->store);
	struct link_place place;

	if (!h->o.cluster)
		return true;
	if (!slots_link_knows_all(sl) || h->now - slots_link_beat(sl) >= h->o.link_timeout_ms)
		return false;
	if (!sid_well_formed(sid))
		return true;
	/* a node that was taken for dead may live, and have it */
	place = link_place_of(h, sid);
	return !slots_link_has_died(sl, (int)sid_number(sid)) &&
	       (!place.is_certain || link_lives(h, place.node));
}

struct link_place
link_place_of(struct hub *h, struct slice sid)
{
	const struct session *s = held_find(h, sid_key(sid));

	if (s != NULL && held_is_remote(s))
		return (struct link_place){s->row.home, true};
	return (struct link_place){(int)sid_number(sid), false};
}

/* --- telling -------------------------------------------------------------------------------- */

int
link_tell(struct hub *h, int node, enum link_kind kind, struct slice body)
{
	if (transaction_open(h) == -1 ||
	    link_out_add(h->store, node, (unsigned char)kind, body) == -1) {
		h->failed = true;
		return -1;
	}
	return 0;
}

/* The same with a body that was built; frees it. */
static int
tell_built(struct hub *h, int node, enum link_kind kind, struct buf *body)
{
	int result = -1;

	if (body->failed)
		transaction_fail(h);
	else
		result = link_tell(h, node, kind, buf_slice(body));
	buf_free(body);
	return result;
}

int
link_send(struct hub *h, const struct session *s, struct slice packet, bool is_volatile)
{
	struct buf body = {.p = NULL};

	frame_pack_message(&body,
	    &(struct link_message){.to = s->row.key, .is_volatile = is_volatile, .packet = packet});
	return tell_built(h, s->row.home, LINK_SEND, &body);
}

int
link_command(struct hub *h, const struct session *s, const struct link_command *c)
{
	struct link_command full = *c;
	struct buf body = {.p = NULL};

	full.key = s->row.key;
	frame_pack_command(&body, &full);
	return tell_built(h, s->row.home, LINK_COMMAND, &body);
}

int
link_publish(struct hub *h, int64_t chan, const struct message *m, int64_t except_key,
    const struct room_history *kept)
{
	struct link_message message = {
	    .to = chan,
	    .is_volatile = m->is_volatile,
	    .packet = message_text(m),
	};
	struct buf body = {.p = NULL}, except = {.p = NULL};
	int result;

	if (except_key != 0)
		pack_number(&except, except_key);
	for (uint32_t i = 0; i < m->except_n; i++)
		pack_number(&except, m->except_more[i]);
	message.except = buf_slice(&except);
	if (kept != NULL)
		message.kept = (struct link_kept){kept->ns, kept->room, kept->asked};
	frame_pack_message(&body, &message);
	body.failed = body.failed || except.failed;
	result = tell_built(h, LINK_ALL, LINK_CHANNEL, &body);
	buf_free(&except);
	return result;
}

int
link_tell_kept(struct hub *h, const struct room_history *kept)
{
	struct buf body = {.p = NULL};

	frame_pack_kept(&body, &(struct link_kept){kept->ns, kept->room, kept->asked});
	return tell_built(h, LINK_ALL, LINK_KEPT, &body);
}

/* --- to the processes of this node ---------------------------------------------------------- */

int
link_notify(struct hub *h, int64_t slot, enum link_kind kind, struct slice body)
{
	struct buf text = {.p = NULL};
	struct message_row row = {.chan = slot + 1, .flags = STORE_CONTROL | STORE_LINK};
	int result = -1;

	buf_add_char(&text, (char)kind);
	buf_add_slice(&text, body);
	row.payload = buf_slice(&text);
	if (!text.failed && transaction_open(h) == 0)
		result = message_log_append(h->store, &row, h->now);
	buf_free(&text);
	if (result == -1) {
		h->failed = true;
		return -1;
	}
	h->head = row.id;
	ring_add(&h->ring, &(struct ring_entry){.id = row.id, .chan = row.chan});
	if (slot >= 0)
		store_wake_slot(h->store, (int)slot);
	else
		store_wake_all(h->store);
	return 0;
}

void
link_await(struct hub *h, int change)
{
	h->awaited += change;
}

void
link_hear(struct hub *h)
{
	struct buf rows;
	struct pack_reader in;
	struct slice row;

	/* reading needs no transaction */
	if (h->log_unread && h->awaited > 0 && !store_in_transaction(h->store))
		transaction_read(h);
	if (h->linked.n == 0 && !h->linked.failed)
		return;
	/* what is handed on may bring further rows: those come in the next turn */
	rows = h->linked;
	h->linked = (struct buf){.p = NULL};
	in = (struct pack_reader){.rest = buf_slice(&rows)};
	while (in.rest.n > 0 && !in.failed) {
		row = pack_read_text(&in);
		if (row.n > 0)
			h->o.linked(h->o.linked_arg, (unsigned char)row.p[0], slice_skip(row, 1));
	}
	if (rows.failed) {
		struct buf body = {.p = NULL};

		frame_pack_signal(&body, &(struct link_signal){.number = LINK_ALL});
		h->o.linked(h->o.linked_arg, LINK_LOST, buf_slice(&body));
		buf_free(&body);
	}
	buf_free(&rows);
}

/* --- a long silence ------------------------------------------------------------------------- */

bool
link_awaits_verdict(struct hub *h)
{
	int64_t beat = slots_link_beat(store_slots(h->store));

	if (!h->o.cluster || beat == 0 || h->now - beat < h->o.link_timeout_ms) {
		h->link_patience = 0;
		return false;
	}
	if (h->link_patience == 0)
		h->link_patience = h->now + VERDICT_MS;
	return h->now < h->link_patience;
}

/* --- too much of it ------------------------------------------------------------------------- */

void
link_trim(struct hub *h)
{
	struct link_span span;
	int dropped;

	if (!h->o.cluster || link_out_span(h->store, &span) == -1 ||
	    span.bytes <= (int64_t)h->o.link_bytes || transaction_open_now(h) == -1)
		return;
	dropped = link_out_drop(h->store, (int64_t)h->o.link_bytes);
	if (dropped == -1)
		h->failed = true;
	if (dropped <= 0)
		return;
	slots_link_count(store_slots(h->store), LINK_COUNT_DROPPED, (uint64_t)dropped);
	log_limited(LOG_LEVEL_WARN,
	    "link: %d messages to other nodes were dropped: more wait than [cluster] queue_bytes "
	    "allows",
	    dropped);
}
