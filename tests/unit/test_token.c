/* Tokens: which ones admit a session, what they grant, and all that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "shared/action/token.h"
#include "shared/action/token_keys.h"
#include "shared/base/buf.h"
#include "shared/base/log.h"

#define SECRET "a-secret-of-32-bytes-or-of-more!"
#define OTHER  "another-secret-of-32-bytes-too!!"
#define NOW_MS INT64_C(1000000000)
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

/* --- making tokens -------------------------------------------------------------------------- */

struct signer {
	EVP_PKEY *rsa;
	char pem_path[64], pem[2048];
	struct token_keys *both;
};

static void
add_base64url(struct buf *out, const void *bytes, size_t n)
{
	unsigned char *text = malloc(4 * n + 8);

	assert_non_null(text);
	EVP_EncodeBlock(text, bytes, (int)n);
	for (const char *p = (const char *)text; *p != '\0' && *p != '='; p++)
		buf_add_char(out, (char)(*p == '+' ? '-' : *p == '/' ? '_' : *p));
	free(text);
}

static void
add_hmac(struct buf *token, const char *secret, size_t secret_n)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	assert_non_null(HMAC(EVP_sha256(), secret, (int)secret_n, (const unsigned char *)token->p,
	    token->n, mac, &n));
	buf_add_char(token, '.');
	add_base64url(token, mac, n);
}

static void
add_rsa(struct buf *token, EVP_PKEY *key)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char signature[512];
	size_t n = sizeof(signature);

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
	assert_int_equal(
	    EVP_DigestSign(ctx, signature, &n, (const unsigned char *)token->p, token->n), 1);
	EVP_MD_CTX_free(ctx);
	buf_add_char(token, '.');
	add_base64url(token, signature, n);
}

static void
begin_token(struct buf *token, const char *header, const char *payload)
{
	buf_clear(token);
	add_base64url(token, header, strlen(header));
	buf_add_char(token, '.');
	add_base64url(token, payload, strlen(payload));
}

static void
sign_token(struct buf *token, const char *header, const char *payload)
{
	begin_token(token, header, payload);
	add_hmac(token, SECRET, strlen(SECRET));
}

static struct token_rules
make_rules(const struct token_keys *keys)
{
	return (struct token_rules){.keys = keys, .issuer = "", .audience = "", .rooms = "rooms"};
}

static const char *
verify_token(const struct token_keys *keys, const struct buf *token)
{
	const struct token_rules rules = make_rules(keys);
	struct token_claims claims;
	const char *wrong = token_verify(&rules, buf_slice(token), NOW_MS, &claims);

	if (wrong != NULL) {
		assert_null(claims.user);
		assert_null(claims.rooms);
	}
	token_claims_free(&claims);
	return wrong;
}

static int
set_up(void **state)
{
	struct signer *signer = calloc(1, sizeof(*signer));
	FILE *file;
	size_t n;

	assert_non_null(signer);
	signer->rsa = EVP_RSA_gen(2048);
	snprintf(signer->pem_path, sizeof(signer->pem_path), "/tmp/test_token.%d.pem", getpid());
	file = fopen(signer->pem_path, "w+");
	assert_non_null(file);
	assert_int_equal(PEM_write_PUBKEY(file, signer->rsa), 1);
	rewind(file);
	n = fread(signer->pem, 1, sizeof(signer->pem) - 1, file);
	signer->pem[n] = '\0';
	fclose(file);
	signer->both = token_keys_open(SECRET "," OTHER, signer->pem_path);
	assert_non_null(signer->both);
	*state = signer;
	return 0;
}

static int
tear_down(void **state)
{
	struct signer *signer = *state;

	unlink(signer->pem_path);
	EVP_PKEY_free(signer->rsa);
	token_keys_close(signer->both);
	free(signer);
	return 0;
}

/* --- what is granted ------------------------------------------------------------------------ */

static void
a_token_names_its_user_its_rooms_and_its_end(void **state)
{
	struct signer *signer = *state;
	const struct token_rules rules = make_rules(signer->both);
	struct token_claims claims;
	struct buf token = {.p = NULL};

	sign_token(&token, HEADER,
	    "{\"sub\":\"\\u00fc42\",\"exp\":1000001.5,\"nbf\":1000000,\"rooms\":[\"a\",\"b c\"]}");
	assert_null(token_verify(&rules, buf_slice(&token), NOW_MS, &claims));
	assert_string_equal(claims.user, "\xc3\xbc"
					 "42");
	assert_string_equal(claims.rooms, "[\"a\",\"b c\"]");
	assert_int_equal(claims.ends_ms, 1000001000);
	token_claims_free(&claims);

	sign_token(&token, HEADER, "{\"rooms\":{\"\":[],\"/chat\":[\"a\"]}}");
	assert_null(token_verify(&rules, buf_slice(&token), NOW_MS, &claims));
	assert_null(claims.user);
	assert_string_equal(claims.rooms, "{\"\":[],\"/chat\":[\"a\"]}");
	assert_int_equal(claims.ends_ms, INT64_MAX);
	token_claims_free(&claims);
	buf_free(&token);
}

static void
each_key_signs_for_its_own_algorithm(void **state)
{
	struct signer *signer = *state;
	struct token_keys *secret = token_keys_open(SECRET, ""),
			  *public_key = token_keys_open("", signer->pem_path),
			  *none = token_keys_open("", "");
	struct buf token = {.p = NULL};

	sign_token(&token, HEADER, "{}");
	assert_null(verify_token(secret, &token));
	assert_null(verify_token(signer->both, &token));
	assert_string_equal(verify_token(public_key, &token), "there is no key for its alg");
	assert_string_equal(verify_token(none, &token), "there is no key for its alg");
	begin_token(&token, HEADER, "{}"); /* the second of two secrets */
	add_hmac(&token, OTHER, strlen(OTHER));
	assert_null(verify_token(signer->both, &token));
	assert_string_equal(verify_token(secret, &token), "its signature is wrong");

	begin_token(&token, "{\"alg\":\"RS256\"}", "{}");
	add_rsa(&token, signer->rsa);
	assert_null(verify_token(public_key, &token));
	assert_null(verify_token(signer->both, &token));
	assert_string_equal(verify_token(secret, &token), "there is no key for its alg");

	/* the public key, which everybody has, as the secret of an HMAC */
	begin_token(&token, HEADER, "{}");
	add_hmac(&token, signer->pem, strlen(signer->pem));
	assert_string_equal(verify_token(public_key, &token), "there is no key for its alg");
	assert_string_equal(verify_token(signer->both, &token), "its signature is wrong");
	/* and an HMAC that says it is of RSA */
	begin_token(&token, "{\"alg\":\"RS256\"}", "{}");
	add_hmac(&token, SECRET, strlen(SECRET));
	assert_string_equal(verify_token(signer->both, &token), "its signature is wrong");
	assert_true(token_keys_any(secret) && token_keys_any(public_key) && !token_keys_any(none));
	token_keys_close(secret);
	token_keys_close(public_key);
	token_keys_close(none);
	buf_free(&token);
}

static void
clocks_may_differ_by_the_leeway(void **state)
{
	struct signer *signer = *state;
	struct token_rules rules = make_rules(signer->both);
	struct token_claims claims;
	struct buf token = {.p = NULL};

	rules.leeway_ms = 5000;
	sign_token(&token, HEADER, "{\"exp\":999996,\"nbf\":1000005}");
	assert_null(token_verify(&rules, buf_slice(&token), NOW_MS, &claims));
	assert_int_equal(claims.ends_ms, 1000001000);
	sign_token(&token, HEADER, "{\"exp\":999995}");
	assert_string_equal(
	    token_verify(&rules, buf_slice(&token), NOW_MS, &claims), "it has expired");
	sign_token(&token, HEADER, "{\"nbf\":1000006}");
	assert_string_equal(
	    token_verify(&rules, buf_slice(&token), NOW_MS, &claims), "it is not valid yet (nbf)");
	buf_free(&token);
}

static void
issuer_and_audience_must_be_ours(void **state)
{
	static const struct {
		const char *issuer, *audience, *payload, *wrong;
	} cases[] = {
	    {"me", "", "{\"iss\":\"me\"}", NULL},
	    {"me", "", "{\"iss\":\"you\"}", "its iss is not [auth] jwt_issuer"},
	    {"me", "", "{\"iss\":5}", "its iss is not [auth] jwt_issuer"},
	    {"me", "", "{}", "its iss is not [auth] jwt_issuer"},
	    {"", "chat", "{\"aud\":\"chat\"}", NULL},
	    {"", "chat", "{\"aud\":[\"shop\",\"chat\"]}", NULL},
	    {"", "chat", "{\"aud\":[\"shop\",7]}", "its aud is not [auth] jwt_audience"},
	    {"", "chat", "{\"aud\":{\"chat\":\"chat\"}}", "its aud is not [auth] jwt_audience"},
	    {"", "chat", "{}", "its aud is not [auth] jwt_audience"},
	    {"", "", "{\"aud\":\"chat\"}", "it has an aud, but there is no [auth] jwt_audience"},
	};
	struct signer *signer = *state;
	struct token_rules rules = make_rules(signer->both);
	struct token_claims claims;
	struct buf token = {.p = NULL};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wrong;

		rules.issuer = cases[i].issuer;
		rules.audience = cases[i].audience;
		sign_token(&token, HEADER, cases[i].payload);
		wrong = token_verify(&rules, buf_slice(&token), NOW_MS, &claims);
		assert_string_equal(
		    wrong == NULL ? "" : wrong, cases[i].wrong == NULL ? "" : cases[i].wrong);
		token_claims_free(&claims);
	}
	buf_free(&token);
}

/* --- what is refused ------------------------------------------------------------------------ */

/* All of these have a good signature. */
static void
what_is_signed_may_be_wrong_even_so(void **state)
{
	static const struct {
		const char *header, *payload, *wrong;
	} cases[] = {
	    {"{\"alg\":\"none\"}", "{}", "its alg is neither HS256 nor RS256"},
	    {"{\"alg\":\"NONE\"}", "{}", "its alg is neither HS256 nor RS256"},
	    {"{\"alg\":\"hs256\"}", "{}", "its alg is neither HS256 nor RS256"},
	    {"{\"alg\":\"HS512\"}", "{}", "its alg is neither HS256 nor RS256"},
	    {"{\"alg\":[\"HS256\"]}", "{}", "its alg is neither HS256 nor RS256"},
	    {"{}", "{}", "its alg is neither HS256 nor RS256"},
	    {"{\"alg\":\"HS256\",\"crit\":[\"b64\"]}", "{}", "it wants an extension (crit)"},
	    {"{\"alg\":\"none\",\"alg\":\"HS256\"}", "{}",
		"a name is in it twice, or is not a name"},
	    {"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", "{}",
		"a name is in it twice, or is not a name"},
	    {"[\"HS256\"]", "{}", "a part of it is not a JSON object"},
	    {"", "{}", "a part of it is not a JSON object"},
	    {HEADER, "", "a part of it is not a JSON object"},
	    {HEADER, "[]", "a part of it is not a JSON object"},
	    {HEADER, "{\"sub\":\"1\"", "a part of it is not a JSON object"},
	    {HEADER, "{\"sub\":\"\xff\"}", "a part of it is not a JSON object"},
	    {HEADER, "{\"sub\":\"1\",\"sub\":\"2\"}", "a name is in it twice, or is not a name"},
	    {HEADER, "{\"exp\":1,\"e\\u0078p\":9999999}",
		"a name is in it twice, or is not a name"},
	    {HEADER, "{\"exp\\u0000\":1}", "a name is in it twice, or is not a name"},
	    {HEADER, "{\"sub\":42}", "its sub is not the name of a user"},
	    {HEADER, "{\"sub\":null}", "its sub is not the name of a user"},
	    {HEADER, "{\"sub\":\"\"}", "its sub is not the name of a user"},
	    {HEADER, "{\"sub\":[\"42\"]}", "its sub is not the name of a user"},
	    {HEADER, "{\"sub\":\"4\\u00002\"}", "its sub is not the name of a user"},
	    {HEADER, "{\"exp\":1000000}", "it has expired"},
	    {HEADER, "{\"exp\":0}", "it has expired"},
	    {HEADER, "{\"nbf\":1000001}", "it is not valid yet (nbf)"},
	    {HEADER, "{\"exp\":\"9999999999\"}", "its exp or nbf is not a number of seconds"},
	    {HEADER, "{\"exp\":null}", "its exp or nbf is not a number of seconds"},
	    {HEADER, "{\"exp\":-1}", "its exp or nbf is not a number of seconds"},
	    {HEADER, "{\"exp\":1e12}", "its exp or nbf is not a number of seconds"},
	    {HEADER, "{\"exp\":9.9E9}", "its exp or nbf is not a number of seconds"},
	    {HEADER, "{\"exp\":253402300800}", "its exp or nbf is not a number of seconds"},
	    {HEADER, "{\"exp\":18446744073709551617}", "its exp or nbf is not a number of seconds"},
	    {HEADER, "{\"nbf\":true}", "its exp or nbf is not a number of seconds"},
	    {HEADER, "{\"rooms\":\"a\"}", "its claim [auth] jwt_rooms is not a list of rooms"},
	    {HEADER, "{\"rooms\":[1]}", "its claim [auth] jwt_rooms is not a list of rooms"},
	    {HEADER, "{\"rooms\":[\"a\\u0000\"]}",
		"its claim [auth] jwt_rooms is not a list of rooms"},
	    {HEADER, "{\"rooms\":{\"chat\":[\"a\"]}}",
		"its claim [auth] jwt_rooms is not a list of rooms"},
	    {HEADER, "{\"rooms\":{\"/chat\":\"a\"}}",
		"its claim [auth] jwt_rooms is not a list of rooms"},
	};
	struct signer *signer = *state;
	struct buf token = {.p = NULL};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *wrong;

		sign_token(&token, cases[i].header, cases[i].payload);
		wrong = verify_token(signer->both, &token);
		if (wrong == NULL)
			fail_msg("admitted: %s %s", cases[i].header, cases[i].payload);
		else
			assert_string_equal(wrong, cases[i].wrong);
	}
	buf_free(&token);
}

static void
what_is_not_a_token_is_refused(void **state)
{
	static const char *const cases[] = {"", ".", "..", "...", "a.b", "e30.e30", "e30.e30.",
	    "e30.e30.e30.e30", "e30.e30.e30.e30.e30", "hello", "e30=.e30.e30", "e3+.e30.e30",
	    "e31.e30.e30", "e.e30.e30", " e30.e30.e30", "e30.e30.e30\n", "e30.e3\x80.e30"};
	struct signer *signer = *state;
	struct buf token = {.p = NULL};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&token);
		buf_puts(&token, cases[i]);
		assert_non_null(verify_token(signer->both, &token));
	}
	buf_free(&token);
}

static void
no_bit_of_a_token_may_change(void **state)
{
	struct signer *signer = *state;
	struct buf token = {.p = NULL};

	sign_token(&token, HEADER, "{\"sub\":\"42\"}");
	assert_null(verify_token(signer->both, &token));
	for (size_t i = 0; i < token.n; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			token.p[i] = (char)(token.p[i] ^ 1 << bit);
			assert_non_null(verify_token(signer->both, &token));
			token.p[i] = (char)(token.p[i] ^ 1 << bit);
		}
	for (size_t n = 0; n < token.n; n++) {
		struct buf part = {.p = token.p, .n = n};

		assert_non_null(verify_token(signer->both, &part));
	}
	buf_free(&token);
}

static void
a_token_has_a_size(void **state)
{
	struct signer *signer = *state;
	struct buf token = {.p = NULL}, payload = {.p = NULL};

	/* as long as it may be, and one member too many */
	for (size_t n = 2900; n < 3100; n++) {
		buf_clear(&payload);
		buf_puts(&payload, "{\"x\":\"");
		while (payload.n < n)
			buf_add_char(&payload, 'x');
		buf_puts(&payload, "\"}");
		buf_add_char(&payload, '\0');
		sign_token(&token, HEADER, payload.p);
		if (token.n <= TOKEN_BYTES_MAX)
			assert_null(verify_token(signer->both, &token));
		else
			assert_string_equal(
			    verify_token(signer->both, &token), "it is longer than 4096 bytes");
	}
	for (int n = 64; n <= 65; n++) {
		buf_clear(&payload);
		for (int i = 0; i < n; i++)
			buf_printf(&payload, "%c\"%d\":0", i == 0 ? '{' : ',', i);
		buf_puts(&payload, "}");
		buf_add_char(&payload, '\0');
		sign_token(&token, HEADER, payload.p);
		if (n == 64)
			assert_null(verify_token(signer->both, &token));
		else
			assert_string_equal(
			    verify_token(signer->both, &token), "it has more than 64 claims");
	}
	buf_free(&token);
	buf_free(&payload);
}

/* --- keys ----------------------------------------------------------------------------------- */

static void
write_pem(const char *path, EVP_PKEY *key, bool is_private)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	if (is_private)
		assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(),
				     (const unsigned char *)"pw", 2, NULL, NULL),
		    1);
	else
		assert_int_equal(PEM_write_PUBKEY(file, key), 1);
	fclose(file);
}

static void
keys_that_are_too_weak_are_refused(void **state)
{
	struct signer *signer = *state;
	char path[96];
	EVP_PKEY *weak = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256");

	snprintf(path, sizeof(path), "%s.other", signer->pem_path);
	assert_null(token_keys_open("a secret of less than 32 bytes!", ""));
	assert_null(token_keys_open(SECRET ",short", ""));
	assert_null(token_keys_open(SECRET "," SECRET "," SECRET "," SECRET "," SECRET, ""));
	assert_null(token_keys_open("", "/nowhere/key.pem"));
	assert_null(token_keys_open("", "/dev/null"));
	write_pem(path, weak, false);
	assert_null(token_keys_open("", path));
	write_pem(path, curve, false);
	assert_null(token_keys_open("", path));
	write_pem(path, signer->rsa, true); /* asks for no password */
	assert_null(token_keys_open("", path));
	unlink(path);
	EVP_PKEY_free(weak);
	EVP_PKEY_free(curve);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_names_its_user_its_rooms_and_its_end),
	    cmocka_unit_test(each_key_signs_for_its_own_algorithm),
	    cmocka_unit_test(clocks_may_differ_by_the_leeway),
	    cmocka_unit_test(issuer_and_audience_must_be_ours),
	    cmocka_unit_test(what_is_signed_may_be_wrong_even_so),
	    cmocka_unit_test(what_is_not_a_token_is_refused),
	    cmocka_unit_test(no_bit_of_a_token_may_change),
	    cmocka_unit_test(a_token_has_a_size),
	    cmocka_unit_test(keys_that_are_too_weak_are_refused),
	};

	log_collect(log_drop, NULL);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
