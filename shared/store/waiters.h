/* waiters: clients that found no place (places.h) and are about to try again, in the memory that
 * all processes of a data folder share.
 *
 * What the stock client 0.9 does (measured, docs/protocol-notes.md) leaves one way to make it
 * wait.  Told 7:::1+0 it tries again by itself:
 *
 *	7:::1+0 -- 0.5 s -> handshake: 503 -- 1 s -> handshake: 503 -- 2 s -> ... and so on
 *
 * but a handshake that is answered 503 without a 7:::1+0 before it is its last one; and each
 * further 7:::1+0 makes it start another such chain, beside the first: after 40 seconds of those
 * one client asks 85 times a second.  So a handshake gets 503 only if it comes when that of a
 * waiting client is due.  All others are answered, and the client is told at its first poll.
 *
 * A client is known by its address and the headers that its browser sends with each request.  The
 * table may forget it, or take another one for it: that costs a client one attempt.  So the
 * functions need no lock. */
#ifndef POLLUX_WAITERS_H
#define POLLUX_WAITERS_H

#include <stdbool.h>
#include <stdint.h>

struct slots;

#define WAITERS_MAX 1024

/* The first attempt comes after this time, each further one after twice the time of the one before.
 * When the last time has passed the client is told again at its first poll, and begins anew: so it
 * never waits for longer than that when a place is free, and never gives up. */
#define WAITERS_FIRST_MS 500
#define WAITERS_LAST_MS  8000

/* A client, from any hash of what is known of it but 0, makes a handshake while no place is free.
 * Return whether it waits for one, and comes when it is due: it tries again after a 503. */
bool waiters_is_due(struct slots *sl, int64_t client, int64_t now_ms);

/* It is told to try again.  Return whether it may be waiting already, and so must not be made to
 * wait twice. */
bool waiters_add(struct slots *sl, int64_t client, int64_t now_ms);

/* It has found a place. */
void waiters_remove(struct slots *sl, int64_t client, int64_t now_ms);

/* How many wait. */
unsigned waiters_count(const struct slots *sl, int64_t now_ms);

#endif
