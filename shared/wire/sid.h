/* sid: the ids of a session (PROTOCOL 4.1).  Pure but for the random bytes of a new one.
 *
 *	dyJYO-fSGE_kq9HqmPiK    secret id: whoever sends it is the client
 *	0x3b90e080484900e3      key: the row in the store
 *	PDuQ4IBISQDj            public id: the key as text, for applications, logs and the CLI
 *
 * In a cluster the first two characters of the secret id are the number of the node that made it;
 * without one they are random.  The upper 12 of the key's 63 bits are the same number, the lower 51
 * are of the SHA-256 of the whole secret id: they reveal nothing of its other 18 characters. */
#ifndef POLLUX_SID_H
#define POLLUX_SID_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

#define SID_LENGTH 20 /* characters: 15 random bytes in base64url */

/* Write a new secret session id of SID_LENGTH characters and a NUL.
 * Return 0, or -1 when the random generator failed. */
int sid_generate(char sid[SID_LENGTH + 1]);

#define SID_NUMBERS 4096 /* a node's number is below this */

/* Write the number of the node that makes the id over its first two characters. */
void sid_set_number(char sid[SID_LENGTH + 1], unsigned number);

/* The number in a well-formed session id, and in a key. */
unsigned sid_number(struct slice sid);
unsigned sid_key_number(int64_t key);

/* The session of a status page (docs/status.md), which no application hears of: the id itself says
 * so, in every process and on every node.  Ids of sid_generate() never do. */
void sid_mark_status(char sid[SID_LENGTH + 1]);
static inline bool
sid_is_status(const char *sid)
{
	/* inline: it is asked for each packet.  The mark is after the node's number; of a session
	 * of another node the id is not known, and empty */
	return sid[0] != '\0' && sid[1] != '\0' && sid[2] == '_' && sid[3] == '_' && sid[4] == '_';
}

/* Whether `text` has the length and alphabet of a session id. */
bool sid_well_formed(struct slice text);

/* The key under which the store keeps a session, over 0.  0, which is no session, when libcrypto is
 * out of memory.  Any text has a key. */
int64_t sid_key(struct slice sid);

#define SID_PUBLIC_LENGTH 12

/* Write the public id of a session from its key, over 0: 'P', 11 characters and a NUL. */
void sid_public_write(char text[SID_PUBLIC_LENGTH + 1], int64_t key);

/* Read the key of a public id.  Return 0, or -1 when `text` is not a public id. */
int sid_public_read(struct slice text, int64_t *key);

#endif
