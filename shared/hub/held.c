#include "shared/hub/held.h"

#include <stdlib.h>
#include <string.h>

#include "shared/hub/channel.h"
#include "shared/hub/internal.h"
#include "shared/hub/sub_index.h"

struct session *
held_find(const struct hub *h, int64_t key)
{
	struct session *s;

	HASH_FIND(hh, h->sessions, &key, sizeof(key), s);
	return s;
}

void
held_add(struct hub *h, struct session *s)
{
	HASH_ADD(hh, h->sessions, row.key, sizeof(s->row.key), s);
	held_visit(h, s);
}

void
held_visit(struct hub *h, struct session *s)
{
	if (s->visiting)
		return;
	s->visiting = true;
	SLIST_INSERT_HEAD(&h->visits, s, visits_link);
}

/* --- the sink ------------------------------------------------------------------------------- */

void
held_clear_pending(struct session *s)
{
	for (uint32_t i = 0; i < s->pending_n; i++)
		message_release(s->pending[i]);
	free(s->pending);
	s->pending = NULL;
	s->pending_n = s->pending_cap = 0;
}

void
held_not_ready(struct session *s)
{
	if (!s->ready)
		return;
	s->ready = false;
	LIST_REMOVE(s, ready_link);
}

void
held_attach(struct hub *h, struct session *s, const struct sink_ops *ops, void *sink)
{
	/* a turn that is rolled back ends the sinks of all visitors */
	held_visit(h, s);
	s->ops = ops;
	s->sink = sink;
	h->held++;
	channel_link_all(h, s);
}

void
held_detach(struct hub *h, struct session *s)
{
	if (s->ops == NULL)
		return;
	s->ops = NULL;
	s->sink = NULL;
	h->held--;
	channel_unlink_all(h, s);
	held_not_ready(s);
	held_clear_pending(s);
	/* not freed here: a caller up the stack may still use it */
	held_visit(h, s);
}

void
held_drop_sink(struct hub *h, struct session *s, enum sink_end why)
{
	const struct sink_ops *ops = s->ops;
	void *sink = s->sink;

	if (ops == NULL)
		return;
	held_detach(h, s); /* first: the transport may ask who holds the session */
	ops->end(sink, why);
}

void
held_end(struct hub *h, struct session *s, enum held_end_way way)
{
	static const enum sink_end told[] = {
	    [END_FORGOTTEN] = SINK_LOST,
	    [END_REMEMBERED] = SINK_DISCONNECTED,
	    [END_MOVED] = SINK_MOVED,
	};

	s->over = true;
	s->remembered = held_is_kept(&s->row, way);
	if (!s->remembered || !s->ready) {
		held_drop_sink(h, s, told[way]);
		return;
	}
	/* a poll: its response is due, and its last packet is 0:: or 7:::+0.  Nothing may come
	 * behind that */
	channel_unlink_all(h, s);
	for (uint32_t i = 0; i < s->subs_n; i++)
		if (s->subs[i].until > h->head)
			s->subs[i].until = h->head;
}

void
held_free(struct hub *h, struct session *s)
{
	HASH_DEL(h->sessions, s);
	channel_unlink_all(h, s);
	held_not_ready(s);
	held_clear_pending(s);
	for (uint32_t i = 0; i < s->subs_n; i++)
		free(s->subs[i].endpoint);
	free(s->subs);
	free(s->buckets);
	free(s);
}

void
held_free_all(struct hub *h)
{
	struct session *s, *next;

	HASH_ITER (hh, h->sessions, s, next) {
		s->ops = NULL;
		held_free(h, s);
	}
	SLIST_INIT(&h->visits);
	h->held = 0;
}

/* --- memberships ---------------------------------------------------------------------------- */

struct sub *
held_sub(const struct session *s, int64_t chan)
{
	struct sub *sub = sub_index_next(s, chan, NULL);

	while (sub != NULL && sub->until != INT64_MAX)
		sub = sub_index_next(s, chan, sub);
	return sub;
}

static bool
is_in_channel(const void *arg, int64_t key, int64_t chan)
{
	const struct session *s = held_find(arg, key);

	return s != NULL && held_sub(s, chan) != NULL;
}

void
held_show(struct hub *h, enum watch_kind kind, int64_t key, struct slice text)
{
	if (h->traced)
		lifecycle_packet(kind, key, text);
	if (atomic_load_explicit(h->watching, memory_order_relaxed) != 0)
		watch_packet(h->store, kind, key, text, is_in_channel, h);
}

bool
held_covers(const struct session *s, int64_t chan, int64_t id)
{
	const struct sub *sub = sub_index_next(s, chan, NULL);

	while (sub != NULL && !(sub->since < id && id <= sub->until))
		sub = sub_index_next(s, chan, sub);
	return sub != NULL;
}

/* Is it a room that the session is in? */
static bool
is_room(const struct sub *sub)
{
	return !sub->is_ns && sub->until == INT64_MAX;
}

struct sub *
held_add_sub(struct hub *h, struct session *s, const struct subscription *sub)
{
	struct sub *added;

	if (s->subs_n == s->subs_cap) {
		uint32_t cap = s->subs_cap == 0 ? 1 : s->subs_cap * 2;
		struct sub *grown = realloc(s->subs, cap * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		s->subs = grown;
		s->subs_cap = cap;
	}
	added = &s->subs[s->subs_n];
	*added = (struct sub){
	    .chan = sub->chan,
	    .since = sub->since,
	    .until = sub->until,
	    .ns = h->o.app.find(h->o.app.arg, sub->ns),
	    .is_ns = sub->room.p == NULL,
	};
	if (sub->endpoint.p != NULL) {
		added->endpoint = strndup(sub->endpoint.p, sub->endpoint.n);
		if (added->endpoint == NULL)
			return NULL;
		s->aliased = true;
	}
	s->subs_n++;
	sub_index_add(s);
	if (sub->until != INT64_MAX)
		s->left_n++;
	else if (is_room(added))
		s->rooms_n++;
	return added;
}

void
held_remove_sub(struct hub *h, struct session *s, struct sub *sub)
{
	struct sub *last;

	channel_unlink(h, sub);
	free(sub->endpoint);
	if (is_room(sub))
		s->rooms_n--;
	sub_index_remove(s, (uint32_t)(sub - s->subs));
	/* the last one moves into the gap; its channel must know */
	last = &s->subs[--s->subs_n];
	if (sub == last)
		return;
	*sub = *last;
	if (sub->channel != NULL)
		sub->channel->members[sub->position].sub = (uint32_t)(sub - s->subs);
}
