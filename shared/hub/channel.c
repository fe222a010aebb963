#include "shared/hub/channel.h"

#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/store/slots.h"

struct channel *
channel_find(const struct hub *h, int64_t chan)
{
	struct channel *c;

	HASH_FIND(hh, h->channels, &chan, sizeof(chan), c);
	return c;
}

static struct channel *
find_or_make_channel(struct hub *h, int64_t chan)
{
	struct channel *c = channel_find(h, chan);

	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->chan = chan;
	HASH_ADD(hh, h->channels, chan, sizeof(c->chan), c);
	/* at once: what another process sends after our commit must be logged for us */
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
	c = find_or_make_channel(h, sub->chan);
	if (c == NULL)
		goto fail;
	if (c->n == c->cap) {
		uint32_t cap = c->cap == 0 ? 2 : c->cap * 2;
		struct channel_member *grown = realloc(c->members, cap * sizeof(*grown));

		if (grown == NULL)
			goto fail;
		c->members = grown;
		c->cap = cap;
	}
	c->members[c->n] = (struct channel_member){s, index};
	sub->channel = c;
	sub->position = c->n++;
	return;
fail:
	log_limited(LOG_LEVEL_ERROR,
	    "hub: out of memory: a session cannot join a room; the turn is rolled back");
	h->failed = true;
}

void
channel_unlink(struct hub *h, struct sub *sub)
{
	struct channel *c = sub->channel;
	struct channel_member last;

	if (c == NULL)
		return;
	/* the last member moves into the gap; its membership must know */
	last = c->members[--c->n];
	c->members[sub->position] = last;
	last.session->subs[last.sub].position = sub->position;
	sub->channel = NULL;
	/* the channel's bit stays in our filter until channel_refresh_filter(): another channel may
	 * share it */
	if (c->n == 0) {
		HASH_DEL(h->channels, c);
		free(c->members);
		free(c);
	}
}

void
channel_link_all(struct hub *h, struct session *s)
{
	for (uint32_t i = 0; i < s->subs_n; i++)
		channel_link(h, s, i);
}

void
channel_unlink_all(struct hub *h, struct session *s)
{
	for (uint32_t i = 0; i < s->subs_n; i++)
		channel_unlink(h, &s->subs[i]);
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
