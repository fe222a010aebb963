#include "shared/wire/hixie_key.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "shared/wire/digit.h"

int
hixie_key_number(struct slice key, uint32_t *number)
{
	uint64_t value = 0, blanks = 0;
	bool any = false;

	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];

		if (c == ' ')
			blanks++;
		if (!digit_is(c))
			continue;
		any = true;
		/* a valid key is a 32-bit number times at most 12 blanks: 64 bits are plenty */
		if (value > (UINT64_MAX - 9) / 10)
			return -1;
		value = value * 10 + (uint64_t)(c - '0');
	}
	if (!any || blanks == 0 || value % blanks != 0 || value / blanks > UINT32_MAX)
		return -1;
	*number = (uint32_t)(value / blanks);
	return 0;
}

static void
put_big_endian(unsigned char *to, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		to[i] = (unsigned char)(number >> (24 - 8 * i));
}

int
hixie_key_digest(unsigned char digest[HIXIE_KEY_DIGEST_N], struct slice key1, struct slice key2,
    struct slice proof)
{
	unsigned char text[4 + 4 + HIXIE_KEY_PROOF_N];
	uint32_t number1, number2;

	if (proof.n != HIXIE_KEY_PROOF_N || hixie_key_number(key1, &number1) == -1 ||
	    hixie_key_number(key2, &number2) == -1)
		return -1;
	/* the draft's order; both numbers in network order */
	put_big_endian(text, number1);
	put_big_endian(text + 4, number2);
	memcpy(text + 8, proof.p, HIXIE_KEY_PROOF_N);
	return EVP_Digest(text, sizeof(text), digest, NULL, EVP_md5(), NULL) == 1 ? 0 : -1;
}
