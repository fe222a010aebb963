#include "shared/wire/sid.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "shared/wire/digit.h"

#define SID_BYTES 15 /* 120 random bits */

/* Of a status page's session, after the two characters of the node: one id in 262144 would have it
 * by chance.  sid_is_status() has the same. */
#define STATUS_MARK    "___"
#define STATUS_MARK_AT 2

/* Bits of a key that are of the hash; the node's number is above them. */
#define KEY_HASH_BITS 51

_Static_assert(
    SID_BYTES % 3 == 0 && SID_BYTES / 3 * 4 == SID_LENGTH, "15 bytes are 20 characters of base64");

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int
sid_generate(char sid[SID_LENGTH + 1])
{
	unsigned char bytes[SID_BYTES];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return -1;
	/* base64 of 15 bytes has no padding; '+' and '/' would need escaping in a URL */
	EVP_EncodeBlock((unsigned char *)sid, bytes, sizeof(bytes));
	for (size_t i = 0; i < SID_LENGTH; i++) {
		if (sid[i] == '+')
			sid[i] = '-';
		else if (sid[i] == '/')
			sid[i] = '_';
	}
	if (sid_is_status(sid))
		sid[STATUS_MARK_AT] = 'A';
	return 0;
}

void
sid_mark_status(char sid[SID_LENGTH + 1])
{
	memcpy(sid + STATUS_MARK_AT, STATUS_MARK, sizeof(STATUS_MARK) - 1);
}

bool
sid_well_formed(struct slice text)
{
	if (text.n != SID_LENGTH)
		return false;
	for (size_t i = 0; i < text.n; i++)
		if (digit_base64url(text.p[i]) == -1)
			return false;
	return true;
}

void
sid_set_number(char sid[SID_LENGTH + 1], unsigned number)
{
	sid[0] = base64url[number >> 6 & 63];
	sid[1] = base64url[number & 63];
}

unsigned
sid_number(struct slice sid)
{
	return (unsigned)digit_base64url(sid.p[0]) << 6 | (unsigned)digit_base64url(sid.p[1]);
}

unsigned
sid_key_number(int64_t key)
{
	return (unsigned)((uint64_t)key >> KEY_HASH_BITS);
}

int64_t
sid_key(struct slice sid)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	uint64_t key = 0, number;

	/* a slice of no bytes may have a NULL p */
	if (EVP_Digest(sid.n == 0 ? "" : sid.p, sid.n, digest, NULL, EVP_sha256(), NULL) != 1)
		return 0;
	for (size_t i = 0; i < sizeof(key); i++)
		key = key << 8 | digest[i];
	/* of a text that is no session id the number is part of the hash */
	number = sid_well_formed(sid) ? sid_number(sid) : key >> KEY_HASH_BITS & (SID_NUMBERS - 1);
	key = number << KEY_HASH_BITS | (key & ((UINT64_C(1) << KEY_HASH_BITS) - 1));
	/* SQLite's integers are signed, and 0 is no session */
	return key == 0 ? 1 : (int64_t)key;
}

void
sid_public_write(char text[SID_PUBLIC_LENGTH + 1], int64_t key)
{
	uint64_t rest = (uint64_t)key;

	text[0] = 'P';
	for (size_t i = SID_PUBLIC_LENGTH - 1; i > 0; i--) {
		text[i] = base64url[rest & 63];
		rest >>= 6;
	}
	text[SID_PUBLIC_LENGTH] = '\0';
}

int
sid_public_read(struct slice text, int64_t *key)
{
	uint64_t value = 0;

	if (text.n != SID_PUBLIC_LENGTH || text.p[0] != 'P')
		return -1;
	for (size_t i = 1; i < text.n; i++) {
		int digit = digit_base64url(text.p[i]);

		/* eleven characters hold 66 bits, a key has 63 */
		if (digit == -1 || value > (uint64_t)INT64_MAX >> 6)
			return -1;
		value = value << 6 | (uint64_t)digit;
	}
	if (value == 0)
		return -1;
	*key = (int64_t)value;
	return 0;
}
