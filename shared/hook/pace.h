/* pace: how many events go into one request, by how long the hook takes for events of their kind.
 * Pure.
 *
 * A request should take at most a quarter of [hook] timeout: one that takes longer than all of it
 * counts as failed, although the hook may do what it asks.  Kinds are told apart because a handler
 * that is quick says nothing about another. */
#ifndef POLLUX_HOOK_PACE_H
#define POLLUX_HOOK_PACE_H

#include <stddef.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define PACE_MAX   50  /* events in a request at most */
#define PACE_FIRST 4   /* of a kind that was not measured yet */
#define PACE_KINDS 128 /* more kinds share their measures */

/* Zeroed: nothing is measured. */
struct pace {
	int64_t event_us[PACE_KINDS]; /* 0: not measured */
};

/* The kind of an event by the members of its object: its type and name. */
uint8_t pace_kind(struct slice members);

/* How long an event of this kind is thought to take, in us. */
int64_t pace_estimate(const struct pace *p, uint8_t kind, int64_t timeout_ms);
/* What the events of a request may take in all, in us. */
int64_t pace_room(int64_t timeout_ms);

/* A request with n > 0 events, one of this kind, took `elapsed_ms` until its answer, or until it
 * timed out. */
void pace_measure(struct pace *p, uint8_t kind, size_t n, int64_t elapsed_ms);

#endif
