/* hixie_key: the two keys of a hixie-76 handshake and the digest that answers them (PROTOCOL 12.2).
 * Pure. */
#ifndef POLLUX_HIXIE_KEY_H
#define POLLUX_HIXIE_KEY_H

#include <stdint.h>

#include "shared/base/slice.h"

#define HIXIE_PROOF_N  8 /* bytes that a client of hixie-76 sends behind its request */
#define HIXIE_DIGEST_N 16

/* The number in Sec-WebSocket-Key1 or -Key2: all its digits, divided by the count of its blanks.
 * Return 0, or -1 when it is no key. */
int hixie_key_number(struct slice key, uint32_t *number);

/* The 16 bytes that answer two keys and the HIXIE_PROOF_N bytes of `proof`.
 * Return 0, or -1 when one of them is not well formed, or libcrypto has no MD5. */
int hixie_digest(
    unsigned char digest[HIXIE_DIGEST_N], struct slice key1, struct slice key2, struct slice proof);

#endif
