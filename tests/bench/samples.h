/* samples: a histogram of times, precise to 1.6 %, in bounded memory. */
#ifndef POLLUX_BENCH_SAMPLES_H
#define POLLUX_BENCH_SAMPLES_H

#include <stdint.h>

#define SAMPLES_STEPS 64 /* in each power of two */

struct samples {
	uint64_t count[64 * SAMPLES_STEPS];
	uint64_t all;
};

void samples_add(struct samples *s, uint64_t value);

/* The value that `share` (0 to 1) of all samples do not exceed; 0 when there are none. */
uint64_t samples_at(const struct samples *s, double share);

#endif
