/* hixie_key: the keys of a hixie-76 handshake and the digest that answers them (PROTOCOL 12.2).
 * Pure.
 *
 *	Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5      digits / blanks = number 1
 *	Sec-WebSocket-Key2: 12998 5 Y3 1  .P00        number 2
 *	^n:ds[4U                                      the proof, after the request's empty line
 *	8jKS'y:G*Co,Wxa-                              MD5 of number 1, number 2 and the proof */
#ifndef POLLUX_HIXIE_KEY_H
#define POLLUX_HIXIE_KEY_H

#include <stdint.h>

#include "shared/base/slice.h"

#define HIXIE_KEY_PROOF_N  8 /* bytes that a hixie-76 client sends after its request, unannounced */
#define HIXIE_KEY_DIGEST_N 16

/* The number in Sec-WebSocket-Key1 or -Key2: all its digits, divided by the number of its blanks.
 * Return 0, or -1 when it is not a valid key: no digits, no blanks, a remainder, over 32 bits. */
int hixie_key_number(struct slice key, uint32_t *number);

/* Compute the 16 bytes that answer two keys and the HIXIE_KEY_PROOF_N bytes of `proof`.
 * Return 0, or -1 when one of them is not well formed, or libcrypto has no MD5. */
int hixie_key_digest(unsigned char digest[HIXIE_KEY_DIGEST_N], struct slice key1, struct slice key2,
    struct slice proof);

#endif
