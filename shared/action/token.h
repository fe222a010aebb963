/* token: a JSON Web Token (RFC 7519) in its compact form, by which a session is admitted without
 * the application.
 *
 *	eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiIsImV4cCI6MTc5OTk5OTk5OX0.c2lnbmF0dXJl
 *	header               payload: the claims                         signature
 *
 * Nothing of it is believed before the signature is checked but `alg`. */
#ifndef POLLUX_TOKEN_H
#define POLLUX_TOKEN_H

#include <stdint.h>

#include "shared/base/slice.h"

struct token_keys;

#define TOKEN_BYTES_MAX 4096

struct token_rules {
	const struct token_keys *keys;
	const char *issuer, *audience; /* that it must have; empty: any issuer, no audience */
	const char *rooms;             /* name of the claim; empty: none */
	int64_t leeway_ms;             /* that clocks may differ by */
};

/* What a token grants.  The texts are owned. */
struct token_claims {
	char *user;  /* NULL: none */
	char *rooms; /* JSON: an array of names, or an object of such arrays by namespace.  NULL:
	                  * none */
	int64_t ends_ms; /* milliseconds since 1970; INT64_MAX: never */
};

/* Check a token at the time `now_ms`, in milliseconds since 1970.  NULL, with what it grants; else
 * why it is refused, and `claims` is empty. */
const char *token_verify(const struct token_rules *rules, struct slice token, int64_t now_ms,
    struct token_claims *claims);

void token_claims_free(struct token_claims *claims);

#endif
