/* idempotency: answers to requests with an Idempotency-Key, for when the request comes again. */
#ifndef POLLUX_IDEMPOTENCY_H
#define POLLUX_IDEMPOTENCY_H

#include <stdint.h>

#include "shared/base/slice.h"

struct store;

/* The answer remembered under a key, malloc'ed, or NULL. */
char *idempotency_find(struct store *st, struct slice key, int64_t now_ms);

/* Remember an answer until `until_ms`; beyond 10,000 of them the oldest are dropped.  Needs an open
 * transaction.  Return 0, or -1 after logging why. */
int idempotency_remember(
    struct store *st, struct slice key, struct slice answer, int64_t now_ms, int64_t until_ms);

#endif
