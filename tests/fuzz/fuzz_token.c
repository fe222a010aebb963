/* A header and a payload, with a line feed between them, of a token that is signed; and the input as
 * a token.
 *
 * What is not signed is refused.  What is admitted has a user and rooms that may have these names,
 * and has not expired. */
#include "shared/action/token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "shared/action/name.h"
#include "shared/action/token_keys.h"
#include "shared/wire/json.h"
#include "tests/fuzz/fuzz.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_MS INT64_C(1700000000000)

static void
add_part(struct buf *out, const void *bytes, size_t n)
{
	unsigned char *text = malloc(4 * n + 8);

	MUST(text != NULL);
	EVP_EncodeBlock(text, bytes, (int)n);
	for (const char *p = (const char *)text; *p != '\0' && *p != '='; p++)
		buf_add_char(out, (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p));
	free(text);
}

static void
must_be_rooms(const char *text)
{
	struct json_value value;

	MUST(json_parse(&value, slice_of(text)) == 0);
	MUST(value.kind == JSON_KIND_ARRAY || value.kind == JSON_KIND_OBJECT);
}

static void
try_signed(const struct token_rules *rules, struct slice header, struct slice payload)
{
	struct buf token = {.p = NULL};
	struct token_claims claims;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	add_part(&token, slice_text(header), header.n);
	buf_add_char(&token, '.');
	add_part(&token, slice_text(payload), payload.n);
	MUST(HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, (const unsigned char *)token.p, token.n,
		 mac, &n) != NULL);
	buf_add_char(&token, '.');
	add_part(&token, mac, n);
	MUST(!token.failed);
	if (token_verify(rules, buf_slice(&token), NOW_MS, &claims) == NULL) {
		MUST(token.n <= TOKEN_BYTES_MAX && claims.ends_ms > NOW_MS);
		MUST(claims.user == NULL ||
		     (claims.user[0] != '\0' && name_is_valid(slice_of(claims.user))));
		if (claims.rooms != NULL)
			must_be_rooms(claims.rooms);
		token_claims_free(&claims);
		token.p[token.n - 2] = (char)(token.p[token.n - 2] == 'A' ? 'B' : 'A');
		MUST(token_verify(rules, buf_slice(&token), NOW_MS, &claims) != NULL);
	}
	MUST(claims.user == NULL && claims.rooms == NULL);
	buf_free(&token);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of_input(data, size), rest = input, header = {NULL, 0};
	struct token_keys *keys = token_keys_open(SECRET, "");
	const struct token_rules rules = {
	    .keys = keys, .issuer = "", .audience = "", .rooms = "rooms", .leeway_ms = 1000};
	struct token_claims claims;

	MUST(keys != NULL);
	MUST(token_verify(&rules, input, NOW_MS, &claims) != NULL);
	slice_cut(&rest, '\n', &header);
	if (size < 8192)
		try_signed(&rules, header, rest);
	token_keys_close(keys);
	return 0;
}
