/* count: what is counted of requests to the web hook (shared/store/counters.h). */
#ifndef POLLUX_HOOK_COUNT_H
#define POLLUX_HOOK_COUNT_H

#include <stdint.h>

#include "shared/store/counters.h"

struct hook;
struct hook_result;

void hook_count(struct hook *hook, enum counter counter, uint64_t n);

/* A request has ended; `histogram` is its kind's: COUNT_HOOK_EVENTS_TOOK, .. */
void hook_count_took(struct hook *hook, enum counter histogram, const struct hook_result *result);

/* It has failed, or its answer was of no use. */
void hook_count_failure(struct hook *hook, const struct hook_result *result);

#endif
