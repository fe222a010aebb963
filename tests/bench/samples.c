#include "tests/bench/samples.h"

#include <stddef.h>

/* Each value below SAMPLES_STEPS has its own cell; above, a cell is 1/SAMPLES_STEPS of its power of
 * two. */
static size_t
cell(uint64_t value)
{
	unsigned shift;

	if (value < SAMPLES_STEPS)
		return value;
	shift = 63 - (unsigned)__builtin_clzll(value) - 6;
	return (size_t)(shift + 1) * SAMPLES_STEPS + (value >> shift) - SAMPLES_STEPS;
}

/* The middle of a cell. */
static uint64_t
middle(size_t i)
{
	unsigned shift;

	if (i < SAMPLES_STEPS)
		return i;
	shift = (unsigned)(i / SAMPLES_STEPS) - 1;
	return ((SAMPLES_STEPS + i % SAMPLES_STEPS) << shift) + (((uint64_t)1 << shift) >> 1);
}

void
samples_add(struct samples *s, uint64_t value)
{
	s->count[cell(value)]++;
	s->all++;
}

uint64_t
samples_at(const struct samples *s, double share)
{
	const size_t cells = sizeof(s->count) / sizeof(s->count[0]);
	uint64_t seen = 0, wanted = (uint64_t)(share * (double)s->all + 0.5);

	if (s->all == 0)
		return 0;
	for (size_t i = 0; i < cells; i++)
		if ((seen += s->count[i]) >= wanted && seen > 0)
			return middle(i);
	return 0;
}
