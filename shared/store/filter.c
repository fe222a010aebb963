#include "shared/store/filter.h"

void
filter_add(struct filter *f, int64_t chan)
{
	unsigned a, b;

	filter_probe(chan, &a, &b);
	f->words[a / 64] |= UINT64_C(1) << (a % 64);
	f->words[b / 64] |= UINT64_C(1) << (b % 64);
}

void
filter_replace(struct filter *f, const struct filter *fresh)
{
	for (unsigned i = 0; i < FILTER_BITS / 64; i++)
		f->words[i] = fresh->words[i];
}

void
filter_wide_add(struct filter_wide *f, int64_t chan)
{
	uint64_t a = (uint64_t)chan % FILTER_WIDE_BITS;
	uint64_t b = ((uint64_t)chan >> 32) % FILTER_WIDE_BITS;

	f->words[a / 64] |= UINT64_C(1) << (a % 64);
	f->words[b / 64] |= UINT64_C(1) << (b % 64);
}

void
filter_wide_replace(struct filter_wide *f, const struct filter_wide *fresh)
{
	for (unsigned i = 0; i < FILTER_WIDE_BITS / 64; i++)
		f->words[i] = fresh->words[i];
}

void
filter_wide_clear(struct filter_wide *f)
{
	for (unsigned i = 0; i < FILTER_WIDE_BITS / 64; i++)
		f->words[i] = 0;
}
