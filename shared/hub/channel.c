/* Channels: who in this process is a member of what.  A member knows its place in the channel and
 * the channel's entry knows the member's, so that joining and leaving do not search. */
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"

static struct channel *
find_or_make(struct hub *h, int64_t chan)
{
	struct channel *c;

	HASH_FIND(hh, h->channels, &chan, sizeof(chan), c);
	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->chan = chan;
	HASH_ADD(hh, h->channels, chan, sizeof(c->chan), c);
	filter_add(slots_filter(store_slots(h->store), slots_own(store_slots(h->store))), chan);
	return c;
}

void
channel_link(struct hub *h, struct session *s, uint32_t index)
{
	struct sub *sub = &s->subs[index];
	struct channel *c;

	if (sub->channel != NULL || sub->until != INT64_MAX)
		return;
	c = find_or_make(h, sub->chan);
	if (c == NULL)
		goto fail;
	if (c->n == c->cap) {
		uint32_t cap = c->cap == 0 ? 2 : c->cap * 2;
		struct member *grown = realloc(c->members, cap * sizeof(*grown));

		if (grown == NULL)
			goto fail;
		c->members = grown;
		c->cap = cap;
	}
	c->members[c->n] = (struct member){s, index};
	sub->channel = c;
	sub->position = c->n++;
	return;
fail:
	log_errx("out of memory: a member of a room is left out");
	h->failed = true;
}

static void
unlink_sub(struct hub *h, struct sub *sub)
{
	struct channel *c = sub->channel;
	struct member last;

	if (c == NULL)
		return;
	last = c->members[--c->n];
	c->members[sub->position] = last;
	last.session->subs[last.sub].position = sub->position;
	sub->channel = NULL;
	if (c->n == 0) {
		HASH_DEL(h->channels, c);
		free(c->members);
		free(c);
	}
}

void
channel_attach(struct hub *h, struct session *s)
{
	for (uint32_t i = 0; i < s->subs_n; i++)
		channel_link(h, s, i);
}

void
channel_detach(struct hub *h, struct session *s)
{
	for (uint32_t i = 0; i < s->subs_n; i++)
		unlink_sub(h, &s->subs[i]);
}

void
channel_refresh_filter(struct hub *h)
{
	struct slots *slots = store_slots(h->store);
	struct filter fresh;
	struct channel *c, *next;

	memset(&fresh, 0, sizeof(fresh));
	HASH_ITER (hh, h->channels, c, next)
		filter_add(&fresh, c->chan);
	filter_replace(slots_filter(slots, slots_own(slots)), &fresh);
}

struct sub *
session_sub(const struct session *s, int64_t chan)
{
	for (uint32_t i = 0; i < s->subs_n; i++)
		if (s->subs[i].chan == chan && s->subs[i].until == INT64_MAX)
			return &s->subs[i];
	return NULL;
}

struct sub *
session_add_sub(struct hub *h, struct session *s, const struct store_sub *sub)
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
	return added;
}

void
session_remove_sub(struct hub *h, struct session *s, struct sub *sub)
{
	struct sub *last;

	unlink_sub(h, sub);
	free(sub->endpoint);
	last = &s->subs[--s->subs_n];
	if (sub == last)
		return;
	*sub = *last;
	if (sub->channel != NULL)
		sub->channel->members[sub->position].sub = (uint32_t)(sub - s->subs);
}
