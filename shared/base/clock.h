/* clock: the times that all processes of a machine share, in milliseconds. */
#ifndef POLLUX_CLOCK_H
#define POLLUX_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t
clock_read(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Since some time in the past; it never jumps. */
static inline int64_t
clock_ms(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

/* The same in microseconds. */
static inline int64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The same, late by some milliseconds and cheaper: no system call and no reading of hardware. */
static inline int64_t
clock_coarse_ms(void)
{
	return clock_read(CLOCK_MONOTONIC_COARSE);
}

/* Since 1970; it jumps when the clock is set. */
static inline int64_t
clock_wall_ms(void)
{
	return clock_read(CLOCK_REALTIME);
}

#endif
