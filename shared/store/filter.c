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
