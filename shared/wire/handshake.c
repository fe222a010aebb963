#include "shared/wire/handshake.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define SID_BYTES 15 /* 120 random bits; base64 of them needs no padding */

/* Seconds that fit a client's timer of 2^31-1 ms; 0 would end its connection at once. */
#define TIMEOUT_MAX 2147483

/* A Sec-WebSocket-Key has 24 characters; old clients are allowed other ones. */
#define WEBSOCKET_KEY_MAX 128
#define WEBSOCKET_GUID    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11" /* RFC 6455, section 1.3 */

_Static_assert(SID_BYTES % 3 == 0 && SID_BYTES / 3 * 4 == SID_LENGTH, "a sid fills its text");

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a base64url digit, or -1. */
static int
digit_value(char c)
{
	const char *found = c == '\0' ? NULL : strchr(alphabet, c);

	return found == NULL ? -1 : (int)(found - alphabet);
}

int
sid_generate(char sid[SID_LENGTH + 1])
{
	unsigned char bytes[SID_BYTES];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	EVP_EncodeBlock((unsigned char *)sid, bytes, sizeof(bytes));
	for (size_t i = 0; i < SID_LENGTH; i++) {
		if (sid[i] == '+')
			sid[i] = '-';
		else if (sid[i] == '/')
			sid[i] = '_';
	}
	return 0;
}

bool
sid_well_formed(struct slice text)
{
	if (text.n != SID_LENGTH)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (digit_value(text.p[i]) == -1)
			return false;
	return true;
}

int64_t
sid_key(struct slice sid)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	uint64_t key = 0;

	if (EVP_Digest(sid.n == 0 ? "" : sid.p, sid.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return 0;
	for (size_t i = 0; i < sizeof(key); i++)
		key = key << 8 | digest[i];
	key &= INT64_MAX;
	return key == 0 ? 1 : (int64_t)key;
}

void
public_id_write(char text[PUBLIC_ID_LENGTH + 1], int64_t key)
{
	uint64_t rest = (uint64_t)key;

	text[0] = 'P';
	for (size_t i = PUBLIC_ID_LENGTH - 1; i > 0; i--) {
		text[i] = alphabet[rest & 63];
		rest >>= 6;
	}
	text[PUBLIC_ID_LENGTH] = '\0';
}

int
public_id_read(struct slice text, int64_t *key)
{
	uint64_t value = 0;

	if (text.n != PUBLIC_ID_LENGTH || text.p[0] != 'P')
		return -1;
	for (size_t i = 1; i < text.n; i++) {
		int digit = digit_value(text.p[i]);

		if (digit == -1 || value > (uint64_t)INT64_MAX >> 6)
			return -1;
		value = value << 6 | (uint64_t)digit;
	}
	if (value == 0)
		return -1;
	*key = (int64_t)value;
	return 0;
}

static int
timeout_field(int seconds)
{
	return seconds < 1 ? 1 : seconds > TIMEOUT_MAX ? TIMEOUT_MAX : seconds;
}

void
handshake_write(struct buf *out, struct slice sid, int heartbeat_timeout_s, int close_timeout_s,
    const char *transports)
{
	buf_add_slice(out, sid);
	buf_printf(
	    out, ":%d:%d:", timeout_field(heartbeat_timeout_s), timeout_field(close_timeout_s));
	buf_puts(out, transports);
}

int
websocket_accept(char accept[WEBSOCKET_ACCEPT_LENGTH + 1], struct slice key)
{
	char text[WEBSOCKET_KEY_MAX + sizeof(WEBSOCKET_GUID)];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (key.n == 0 || key.n > WEBSOCKET_KEY_MAX)
		return -1;
	memcpy(text, key.p, key.n);
	memcpy(text + key.n, WEBSOCKET_GUID, sizeof(WEBSOCKET_GUID));
	if (EVP_Digest(text, key.n + sizeof(WEBSOCKET_GUID) - 1, digest, &n, EVP_sha1(), NULL) != 1)
		return -1;
	EVP_EncodeBlock((unsigned char *)accept, digest, (int)n);
	return 0;
}
