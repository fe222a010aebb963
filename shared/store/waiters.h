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
 * waiting client is due.  All others are answered, and the client is told at its first poll: by
 * 7:::1+0 once; later by 1::, which ends its chain since it is connected, and an error at its
 * second poll, which begins a new one.  The client 0.8 understands only this.
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

/* What a client is told at a poll for which there is no place. */
enum waiters_answer {
	WAITERS_SAY_AGAIN = 1, /* 7:::1+0: it begins to wait, if it is a 0.9 */
	WAITERS_CONNECT,       /* 1::, since it waits already, or did not understand */
	WAITERS_FAIL           /* an error: it is connected, notices the end, and begins to wait */
};

/* It polls; `sid` is any hash of the session id that it was given. */
enum waiters_answer waiters_answer(struct slots *sl, int64_t client, int64_t sid, int64_t now_ms);

/* It has found a place. */
void waiters_remove(struct slots *sl, int64_t client, int64_t now_ms);

/* How many wait. */
unsigned waiters_count(const struct slots *sl, int64_t now_ms);

#endif
