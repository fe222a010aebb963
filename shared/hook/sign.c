/* The signature of Standard Webhooks: docs/hook.md, section 2. */
#include <inttypes.h>
#include <stdio.h>

#include <openssl/evp.h>

#include "shared/hook/http.h"

#define SECRET_BYTES_MAX 512 /* bytes of a secret */

/* Decode whsec_<base64>.  Return the number of bytes, or -1. */
static int
decode_secret(unsigned char key[SECRET_BYTES_MAX], struct slice secret)
{
	static const struct slice prefix = {"whsec_", 6};
	int n;

	if (!slice_starts(secret, prefix))
		return -1;
	secret = slice_skip(secret, prefix.n);
	if (secret.n == 0 || secret.n % 4 != 0 || secret.n / 4 * 3 > SECRET_BYTES_MAX)
		return -1;
	n = EVP_DecodeBlock(key, (const unsigned char *)secret.p, (int)secret.n);
	if (n == -1)
		return -1;
	if (secret.p[secret.n - 1] == '=') /* EVP_DecodeBlock() counts the padding */
		n--;
	if (secret.p[secret.n - 2] == '=')
		n--;
	return n;
}

static int
hmac_sha256(unsigned char mac[EVP_MAX_MD_SIZE], const unsigned char *key, int key_n,
    struct slice head, struct slice body)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	    OSSL_PARAM_utf8_string("digest", digest, sizeof(digest) - 1), OSSL_PARAM_END};
	EVP_MAC *kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = kind == NULL ? NULL : EVP_MAC_CTX_new(kind);
	size_t n = 0;
	bool good = ctx != NULL && EVP_MAC_init(ctx, key, (size_t)key_n, params) == 1 &&
	            EVP_MAC_update(ctx, (const unsigned char *)head.p, head.n) == 1 &&
	            EVP_MAC_update(ctx, (const unsigned char *)body.p, body.n) == 1 &&
	            EVP_MAC_final(ctx, mac, &n, EVP_MAX_MD_SIZE) == 1;

	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(kind);
	return good ? (int)n : -1;
}

int
hook_sign(
    struct buf *out, const char *secrets, const char *id, int64_t timestamp, struct slice body)
{
	unsigned char key[SECRET_BYTES_MAX], mac[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
	struct slice rest = slice_of(secrets), secret;
	char head[128];
	int n = snprintf(head, sizeof(head), "%s.%" PRId64 ".", id, timestamp);
	bool any = false;

	if (n < 0 || (size_t)n >= sizeof(head))
		return -1;
	while (slice_cut(&rest, ',', &secret)) {
		int key_n = decode_secret(key, secret), mac_n;

		if (key_n <= 0)
			return -1;
		mac_n = hmac_sha256(mac, key, key_n, (struct slice){head, (size_t)n}, body);
		if (mac_n == -1)
			return -1;
		EVP_EncodeBlock(text, mac, mac_n);
		buf_printf(out, "%sv1,%s", any ? " " : "", (const char *)text);
		any = true;
	}
	return any && !out->failed ? 0 : -1;
}
