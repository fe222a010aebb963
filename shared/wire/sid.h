/* sid: the ids of a session (PROTOCOL 4.1).  Pure but for the random bytes of a new one.
 *
 *	dyJYO-fSGE_kq9HqmPiK    secret, known to its client only; whoever has it is the client
 *	0x3a7816bf8f01cfea      key: 63 bits of the secret's SHA-256, the row in the store
 *	PDp4Fr-PAc_q            public id: the key as text, for applications, logs and the CLI */
#ifndef POLLUX_SID_H
#define POLLUX_SID_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define SID_LENGTH 20 /* characters: 15 random bytes in base64url */

/* Write a new secret session id of SID_LENGTH characters and a NUL.
 * Return 0, or -1 when there is no randomness to be had. */
int sid_generate(char sid[SID_LENGTH + 1]);

/* Could `text` be a session id of ours?  (length and alphabet) */
bool sid_well_formed(struct slice text);

/* The number under which the store keeps a session: 63 bits of SHA-256 of the secret id, never 0.
 * It gives nothing of the secret away.  0 only when libcrypto has no memory: names no session. */
int64_t sid_key(struct slice sid);

/* The public id of a session, from its key (over 0): 'P' and 11 characters.  NUL-terminated. */
#define PUBLIC_ID_LENGTH 12
void public_id_write(char text[PUBLIC_ID_LENGTH + 1], int64_t key);

/* The key of a public id.  Return 0, or -1 when it is none. */
int public_id_read(struct slice text, int64_t *key);

#endif
