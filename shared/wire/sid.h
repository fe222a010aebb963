/* sid: the ids of a session (PROTOCOL 4.1).  Pure but for the random bytes of a new one.
 *
 *	dyJYO-fSGE_kq9HqmPiK    secret id: whoever sends it is the client
 *	0x3a7816bf8f01cfea      key: 63 bits of the secret's SHA-256, the row in the store
 *	PDp4Fr-PAc_q            public id: the key as text, for applications, logs and the CLI */
#ifndef POLLUX_SID_H
#define POLLUX_SID_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define SID_LENGTH 20 /* characters: 15 random bytes in base64url */

/* Write a new secret session id of SID_LENGTH characters and a NUL.
 * Return 0, or -1 when the random generator failed. */
int sid_generate(char sid[SID_LENGTH + 1]);

/* Whether `text` has the length and alphabet of a session id. */
bool sid_well_formed(struct slice text);

/* The key under which the store keeps a session: 63 bits of the SHA-256 of the secret id, over 0.
 * It reveals nothing of the secret.  0, which is no session, when libcrypto is out of memory. */
int64_t sid_key(struct slice sid);

#define SID_PUBLIC_LENGTH 12

/* Write the public id of a session from its key, over 0: 'P', 11 characters and a NUL. */
void sid_public_write(char text[SID_PUBLIC_LENGTH + 1], int64_t key);

/* Read the key of a public id.  Return 0, or -1 when `text` is not a public id. */
int sid_public_read(struct slice text, int64_t *key);

#endif
