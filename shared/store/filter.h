/* filter: a Bloom filter of channels with two probes, in shared memory, read without a lock.
 *
 * Bits are only ever added one by one, or the filter is replaced word by word, under the writer's
 * lock, by a newer one that has every channel still in use: a reader may see a bit too many, never
 * one too few.  A wrong "yes" of filter_has() costs a wake-up for nothing. */
#ifndef POLLUX_FILTER_H
#define POLLUX_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#define FILTER_BITS 2048

struct filter {
	_Atomic uint64_t words[FILTER_BITS / 64];
};

/* The two bits of a channel.  Channels are hashes or random keys, so no further hash is needed. */
static inline void
filter_probe(int64_t chan, unsigned *first, unsigned *second)
{
	uint64_t bits = (uint64_t)chan;

	*first = (unsigned)(bits % FILTER_BITS);
	*second = (unsigned)((bits >> 32) % FILTER_BITS);
}

/* In the header since it runs for every process on every publish. */
static inline bool
filter_has(const struct filter *f, int64_t chan)
{
	unsigned a, b;

	filter_probe(chan, &a, &b);
	return (f->words[a / 64] >> (a % 64) & 1) != 0 && (f->words[b / 64] >> (b % 64) & 1) != 0;
}

/* A larger one, for the rooms of a whole cluster. */
#define FILTER_WIDE_BITS (1 << 19)

struct filter_wide {
	_Atomic uint64_t words[FILTER_WIDE_BITS / 64];
};

static inline bool
filter_wide_has(const struct filter_wide *f, int64_t chan)
{
	uint64_t a = (uint64_t)chan % FILTER_WIDE_BITS;
	uint64_t b = ((uint64_t)chan >> 32) % FILTER_WIDE_BITS;

	return (f->words[a / 64] >> (a % 64) & 1) != 0 && (f->words[b / 64] >> (b % 64) & 1) != 0;
}

void filter_wide_add(struct filter_wide *f, int64_t chan);
/* Take over the bits of `fresh`, which only the caller sees. */
void filter_wide_replace(struct filter_wide *f, const struct filter_wide *fresh);
void filter_wide_clear(struct filter_wide *f);

void filter_add(struct filter *f, int64_t chan);

/* Take over the bits of `fresh`, which only the caller sees. */
void filter_replace(struct filter *f, const struct filter *fresh);

#endif
