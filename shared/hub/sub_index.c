#include "shared/hub/sub_index.h"

#include <stdlib.h>

#include "shared/hub/held.h"

#define INDEX_LEAST 16 /* memberships; fewer are looked through */

/* Where the chain of the channel begins. */
static uint32_t *
bucket_of(const struct session *s, int64_t chan)
{
	/* a channel is a hash already */
	return &s->buckets[(uint64_t)chan & (s->buckets_n - 1)];
}

struct sub *
sub_index_next(const struct session *s, int64_t chan, const struct sub *sub)
{
	uint32_t at;

	if (s->buckets_n == 0) {
		for (at = sub == NULL ? 0 : (uint32_t)(sub - s->subs) + 1; at < s->subs_n; at++)
			if (s->subs[at].chan == chan)
				return &s->subs[at];
		return NULL;
	}
	at = sub == NULL ? *bucket_of(s, chan) : sub->next;
	while (at != 0 && s->subs[at - 1].chan != chan)
		at = s->subs[at - 1].next;
	return at == 0 ? NULL : &s->subs[at - 1];
}

static void
link_sub(struct session *s, uint32_t i)
{
	uint32_t *bucket = bucket_of(s, s->subs[i].chan);

	s->subs[i].next = *bucket;
	*bucket = i + 1;
}

void
sub_index_add(struct session *s)
{
	uint32_t n = s->buckets_n == 0 ? 2 * INDEX_LEAST : 2 * s->buckets_n, *buckets = NULL;

	if (s->subs_n > (s->buckets_n == 0 ? INDEX_LEAST : s->buckets_n))
		buckets = calloc(n, sizeof(*buckets));
	/* without memory the old one goes on, with longer chains */
	if (buckets != NULL) {
		free(s->buckets);
		s->buckets = buckets;
		s->buckets_n = n;
		for (uint32_t i = 0; i < s->subs_n; i++)
			link_sub(s, i);
	} else if (s->buckets_n > 0) {
		link_sub(s, s->subs_n - 1);
	}
}

/* The number in a bucket or a `next` that leads to membership `i`. */
static uint32_t *
way_to(struct session *s, uint32_t i)
{
	uint32_t *way = bucket_of(s, s->subs[i].chan);

	while (*way != i + 1)
		way = &s->subs[*way - 1].next;
	return way;
}

void
sub_index_remove(struct session *s, uint32_t i)
{
	uint32_t last = s->subs_n - 1;

	if (s->buckets_n == 0)
		return;
	*way_to(s, i) = s->subs[i].next;
	if (i != last)
		*way_to(s, last) = i + 1;
}
