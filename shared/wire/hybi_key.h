/* hybi_key: the key of an RFC 6455 handshake and its answer (PROTOCOL 12.1), the same in versions
 * 7, 8 and 13.  Pure.
 *
 *	Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
 *	Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= */
#ifndef POLLUX_HYBI_KEY_H
#define POLLUX_HYBI_KEY_H

#include "shared/base/slice.h"

#define HYBI_KEY_ACCEPT_LENGTH 28

/* Write the Sec-WebSocket-Accept of `key`: 28 characters and a NUL.
 * Return 0, or -1 when the key is empty or longer than 128 bytes, or libcrypto fails. */
int hybi_key_accept(char accept[HYBI_KEY_ACCEPT_LENGTH + 1], struct slice key);

#endif
