/* handshake: the session id and the one line that answers a handshake (PROTOCOL section 4).
 * Pure but for the random bytes of a new id. */
#ifndef POLLUX_HANDSHAKE_H
#define POLLUX_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
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

/* Append "SID:60:60:websocket,xhr-polling" (PROTOCOL 4.1), no newline.  Timeouts in seconds,
 * kept within what clients survive, 1 to 2147483 (PROTOCOL 4.2). */
void handshake_write(struct buf *out, struct slice sid, int heartbeat_timeout_s,
    int close_timeout_s, const char *transports);

/* Sec-WebSocket-Accept for a key (PROTOCOL 12.1): 28 characters and a NUL.
 * Return 0, or -1 when the key is empty or longer than 128 bytes, or libcrypto fails. */
#define WEBSOCKET_ACCEPT_LENGTH 28
int websocket_accept(char accept[WEBSOCKET_ACCEPT_LENGTH + 1], struct slice key);

#endif
