#include "shared/transport/publish_keys.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "shared/base/log.h"
#include "shared/wire/digit.h"

#define KEYS_MAX 16
#define TOKEN    1000 /* one request */

struct publish_keys {
	struct publish_key at[KEYS_MAX];
	unsigned n;
};

static int
parse_key_name(struct publish_key *key, struct slice name)
{
	if (name.n == 0 || name.n > PUBLISH_KEY_NAME_MAX)
		return -1;
	memcpy(key->name, name.p, name.n);
	return 0;
}

static int
parse_key_scopes(struct publish_key *key, struct slice scopes)
{
	struct slice scope;

	while (slice_cut(&scopes, ',', &scope)) {
		if (slice_is(scope, "publish"))
			key->scopes |= PUBLISH_WRITE;
		else if (slice_is(scope, "read"))
			key->scopes |= PUBLISH_READ;
		else if (slice_is(scope, "admin"))
			key->scopes |= PUBLISH_WRITE | PUBLISH_READ | PUBLISH_ADMIN;
		else
			return -1;
	}
	return key->scopes == 0 ? -1 : 0;
}

static int
parse_key_hash(struct publish_key *key, struct slice hex)
{
	if (hex.p == NULL || hex.n != 2 * sizeof(key->hash))
		return -1;
	for (size_t i = 0; i < sizeof(key->hash); i++) {
		int high = digit_hex(hex.p[2 * i]), low = digit_hex(hex.p[2 * i + 1]);

		if (high == -1 || low == -1)
			return -1;
		key->hash[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}

static int
parse_publish_key(struct publish_keys *keys, struct slice word)
{
	struct publish_key *key = &keys->at[keys->n];
	struct slice name, scopes;

	if (keys->n == KEYS_MAX) {
		log_errx("[publish] keys: more than the %d that are allowed", KEYS_MAX);
		return -1;
	}
	if (!slice_cut(&word, ':', &name) || parse_key_name(key, name) == -1 ||
	    !slice_cut(&word, ':', &scopes) || parse_key_scopes(key, scopes) == -1 ||
	    parse_key_hash(key, word) == -1) {
		/* its number, not its text: it may be a secret that was not hashed */
		log_errx("[publish] keys: key %u is not NAME:SCOPES:HEX "
			 "(scopes: publish, read, admin; HEX: the 64 digits of a SHA-256)",
		    keys->n + 1);
		return -1;
	}
	keys->n++;
	return 0;
}

struct publish_keys *
publish_keys_open(const char *setting)
{
	struct publish_keys *keys = calloc(1, sizeof(*keys));
	struct slice rest = slice_of(setting), word;

	if (keys == NULL)
		return NULL;
	while (slice_cut(&rest, ' ', &word))
		if (word.n > 0 && parse_publish_key(keys, word) == -1) {
			publish_keys_close(keys);
			return NULL;
		}
	return keys;
}

void
publish_keys_close(struct publish_keys *keys)
{
	free(keys);
}

struct publish_key *
publish_keys_find(struct publish_keys *keys, struct slice secret)
{
	struct publish_key *found = NULL;
	unsigned char hash[EVP_MAX_MD_SIZE];

	if (secret.n == 0 || EVP_Digest(secret.p, secret.n, hash, NULL, EVP_sha256(), NULL) != 1)
		return NULL;
	/* never stop early: the time must not tell which key matched */
	for (unsigned i = 0; i < keys->n; i++)
		if (CRYPTO_memcmp(hash, keys->at[i].hash, sizeof(keys->at[i].hash)) == 0)
			found = &keys->at[i];
	return found;
}

bool
publish_keys_take(struct publish_key *key, size_t rate, int64_t now_ms)
{
	int64_t most = (int64_t)rate * TOKEN, passed = now_ms - key->seen_at;

	/* a second fills the bucket: a longer time is not multiplied, which could overflow */
	if (key->seen_at == 0 || passed > 1000)
		key->tokens = most;
	else if (passed > 0)
		key->tokens += passed * (int64_t)rate; /* a thousandth of `rate` per millisecond */
	if (key->tokens > most)
		key->tokens = most;
	key->seen_at = now_ms;
	if (key->tokens < TOKEN)
		return false;
	key->tokens -= TOKEN;
	return true;
}
