#include "shared/action/token_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "shared/base/log.h"

#define KEYS_MAX  4    /* secrets, and public keys: one takes over from another */
#define RSA_LEAST 2048 /* bits, RFC 7518, section 3.3 */

struct token_keys {
	char *secrets; /* owned: one after the other, each with its NUL */
	struct slice secret[KEYS_MAX];
	size_t secret_n;
	EVP_PKEY *rsa[KEYS_MAX]; /* owned */
	size_t rsa_n;
};

/* --- reading -------------------------------------------------------------------------------- */

/* The error gives the word's number, not the word. */
static int
read_secrets(struct token_keys *keys, const char *words)
{
	struct slice rest, word;

	keys->secrets = strdup(words);
	if (keys->secrets == NULL)
		return -1;
	rest = slice_of(keys->secrets);
	while (rest.n > 0 && slice_cut(&rest, ',', &word)) {
		if (keys->secret_n == KEYS_MAX) {
			log_errx("[auth] jwt_secret: more than %d secrets", KEYS_MAX);
			return -1;
		}
		keys->secret[keys->secret_n++] = word;
		if (word.n < TOKEN_SECRET_LEAST) {
			log_errx("[auth] jwt_secret: secret %zu is shorter than %d bytes: whoever "
				 "has a token could guess it",
			    keys->secret_n, TOKEN_SECRET_LEAST);
			return -1;
		}
	}
	return 0;
}

static int
add_public_key(struct token_keys *keys, const char *path, EVP_PKEY *key)
{
	const char *wrong = NULL;

	if (keys->rsa_n == KEYS_MAX)
		wrong = "more than 4 keys";
	else if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
		wrong = "a key that is not of RSA";
	else if (EVP_PKEY_get_bits(key) < RSA_LEAST)
		wrong = "a key of less than 2048 bits";
	if (wrong == NULL) {
		keys->rsa[keys->rsa_n++] = key;
		return 0;
	}
	log_errx("[auth] jwt_public_key: %s: %s", path, wrong);
	EVP_PKEY_free(key);
	return -1;
}

/* A public key needs no password: do not ask for one on the terminal. */
static int
no_password(char *to, int size, int writing, void *arg)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static int
read_public_keys(struct token_keys *keys, const char *path)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key;
	int result = 0;

	if (file == NULL) {
		log_err("[auth] jwt_public_key: %s", path);
		return -1;
	}
	while (result == 0 && (key = PEM_read_PUBKEY(file, NULL, no_password, NULL)) != NULL)
		result = add_public_key(keys, path, key);
	fclose(file);
	ERR_clear_error(); /* the end of the file is one */
	if (result == 0 && keys->rsa_n == 0) {
		log_errx("[auth] jwt_public_key: %s: no public key in PEM", path);
		result = -1;
	}
	return result;
}

struct token_keys *
token_keys_open(const char *secrets, const char *pem_path)
{
	struct token_keys *keys = calloc(1, sizeof(*keys));

	if (keys == NULL)
		return NULL;
	if (read_secrets(keys, secrets) == -1 ||
	    (pem_path[0] != '\0' && read_public_keys(keys, pem_path) == -1)) {
		token_keys_close(keys);
		return NULL;
	}
	return keys;
}

void
token_keys_close(struct token_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->rsa_n; i++)
		EVP_PKEY_free(keys->rsa[i]);
	if (keys->secrets != NULL)
		OPENSSL_cleanse(keys->secrets, strlen(keys->secrets));
	free(keys->secrets);
	free(keys);
}

/* --- signatures ----------------------------------------------------------------------------- */

bool
token_keys_any(const struct token_keys *keys)
{
	return keys->secret_n + keys->rsa_n > 0;
}

bool
token_keys_have(const struct token_keys *keys, enum token_alg alg)
{
	return (alg == TOKEN_HS256 ? keys->secret_n : keys->rsa_n) > 0;
}

static bool
is_hmac_of(struct slice secret, struct slice text, struct slice signature)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	return HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)text.p, text.n,
		   mac, &n) != NULL &&
	       signature.n == n && CRYPTO_memcmp(mac, signature.p, n) == 0;
}

static bool
is_rsa_of(EVP_PKEY *key, struct slice text, struct slice signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	            EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.n,
			(const unsigned char *)text.p, text.n) == 1;

	EVP_MD_CTX_free(ctx);
	if (!good)
		ERR_clear_error(); /* what follows must not find it */
	return good;
}

bool
token_keys_signed(
    const struct token_keys *keys, enum token_alg alg, struct slice text, struct slice signature)
{
	bool found = false;

	/* never stop early: the time must not tell which one it was */
	for (size_t i = 0; alg == TOKEN_HS256 && i < keys->secret_n; i++)
		if (is_hmac_of(keys->secret[i], text, signature))
			found = true;
	for (size_t i = 0; alg == TOKEN_RS256 && i < keys->rsa_n; i++)
		if (is_rsa_of(keys->rsa[i], text, signature))
			found = true;
	return found;
}
