/* token_keys: what the signature of a token is checked with: secrets (HS256) and public keys
 * (RS256).  A secret is only ever used for HS256, a public key for RS256: a token chooses between
 * them, but cannot have one used as the other. */
#ifndef POLLUX_TOKEN_KEYS_H
#define POLLUX_TOKEN_KEYS_H

#include <stdbool.h>

#include "shared/base/slice.h"

#define TOKEN_SECRET_LEAST 32 /* bytes of a secret, RFC 7518, section 3.2 */

struct token_keys;

/* Read the secrets, words with commas between them, and the PEM file of public keys; each may be
 * empty.  NULL after logging what is wrong, or without memory. */
struct token_keys *token_keys_open(const char *secrets, const char *pem_path);
/* NULL is allowed. */
void token_keys_close(struct token_keys *keys);

/* Are there any? */
bool token_keys_any(const struct token_keys *keys);

enum token_alg {
	TOKEN_HS256,
	TOKEN_RS256,
};

/* Is there one for this algorithm? */
bool token_keys_have(const struct token_keys *keys, enum token_alg alg);

/* Whether one of those for this algorithm has made the signature of `text`. */
bool token_keys_signed(
    const struct token_keys *keys, enum token_alg alg, struct slice text, struct slice signature);

#endif
