#include "shared/action/token.h"

#include <stdlib.h>
#include <string.h>

#include "shared/action/name.h"
#include "shared/action/token_keys.h"
#include "shared/wire/digit.h"
#include "shared/wire/json.h"

/* Members of the header and of the payload: each name is compared with all before it. */
#define MEMBERS_MAX 64

/* Of a time: what is later than the year 9999 is no time.  In seconds. */
#define SECONDS_MAX INT64_C(253402300799)

/* An object whose names are all different. */
struct member_list {
	struct json_value value[MEMBERS_MAX];
	struct slice name[MEMBERS_MAX]; /* literals */
	size_t n;
};

/* --- text ----------------------------------------------------------------------------------- */

/* Decode base64url as RFC 7515 writes it: no padding, and no bits that say nothing, so there is
 * one spelling only.  Return 0 or -1. */
static int
decode_part(struct buf *out, struct slice part)
{
	unsigned bits = 0, n = 0;

	for (size_t i = 0; i < part.n; i++) {
		int digit = digit_base64url(part.p[i]);

		if (digit == -1)
			return -1;
		bits = bits << 6 | (unsigned)digit;
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_add_char(out, (char)(bits >> n & 0xff));
			bits &= (1u << n) - 1;
		}
	}
	return n >= 6 || bits != 0 || out->failed ? -1 : 0;
}

/* Whether one of them has this name, which is not a C string if it has a NUL. */
static bool
has_name(const struct member_list *list, struct slice name)
{
	struct buf text = {.p = NULL};
	bool found = false;

	json_string_decode(&text, name);
	if (text.failed || slice_has_nul(buf_slice(&text)))
		found = true;
	buf_add_char(&text, '\0');
	for (size_t i = 0; !found && i < list->n; i++)
		found = text.failed || json_string_is(list->name[i], text.p);
	buf_free(&text);
	return found;
}

/* Read an object.  NULL, or why not. */
static const char *
read_members(struct member_list *list, struct slice text)
{
	struct json_value object;
	struct json_walk walk;

	list->n = 0;
	if (json_parse(&object, text) == -1 || object.kind != JSON_KIND_OBJECT)
		return "a part of it is not a JSON object";
	json_walk_begin(&walk, &object);
	while (list->n < MEMBERS_MAX &&
	       json_walk_member(&walk, &list->name[list->n], &list->value[list->n])) {
		if (has_name(list, list->name[list->n]))
			return "a name is in it twice, or is not a name";
		list->n++;
	}
	return walk.more ? "it has more than 64 claims" : NULL;
}

/* NULL: there is none. */
static const struct json_value *
find_claim(const struct member_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (json_string_is(list->name[i], name))
			return &list->value[i];
	return NULL;
}

static bool
is_string(const struct json_value *value, const char *text)
{
	return value != NULL && value->kind == JSON_KIND_STRING &&
	       json_string_is(value->text, text);
}

/* --- the header ----------------------------------------------------------------------------- */

static const char *
read_alg(const struct token_keys *keys, struct slice header, enum token_alg *alg)
{
	struct member_list members;
	const struct json_value *named;
	const char *wrong = read_members(&members, header);

	if (wrong != NULL)
		return wrong;
	/* what it names must be understood, and we understand nothing: RFC 7515, section 4.1.11 */
	if (find_claim(&members, "crit") != NULL)
		return "it wants an extension (crit)";
	named = find_claim(&members, "alg");
	if (is_string(named, "HS256"))
		*alg = TOKEN_HS256;
	else if (is_string(named, "RS256"))
		*alg = TOKEN_RS256;
	else
		return "its alg is neither HS256 nor RS256";
	return token_keys_have(keys, *alg) ? NULL : "there is no key for its alg";
}

/* --- claims --------------------------------------------------------------------------------- */

/* Read a number of seconds since 1970; parts of a second are dropped.  Return 0 or -1. */
static int
read_time(const struct json_value *value, int64_t *ms)
{
	struct slice text = value->text;
	int64_t seconds = 0;
	size_t i = 0;

	if (value->kind != JSON_KIND_NUMBER)
		return -1;
	for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
		seconds = seconds * 10 + (text.p[i] - '0');
		if (seconds > SECONDS_MAX)
			return -1;
	}
	/* no sign, and no exponent: nobody writes a time like that */
	if (i == 0 || memchr(text.p, 'e', text.n) != NULL || memchr(text.p, 'E', text.n) != NULL)
		return -1;
	*ms = seconds * 1000;
	return 0;
}

static const char *
check_times(const struct token_rules *rules, const struct member_list *members, int64_t now_ms,
    struct token_claims *claims)
{
	const struct json_value *exp = find_claim(members, "exp"),
				*nbf = find_claim(members, "nbf");
	int64_t from_ms = INT64_MIN;

	claims->ends_ms = INT64_MAX;
	if ((exp != NULL && read_time(exp, &claims->ends_ms) == -1) ||
	    (nbf != NULL && read_time(nbf, &from_ms) == -1))
		return "its exp or nbf is not a number of seconds";
	if (exp != NULL)
		claims->ends_ms += rules->leeway_ms;
	if (claims->ends_ms <= now_ms)
		return "it has expired";
	return nbf != NULL && from_ms - rules->leeway_ms > now_ms ? "it is not valid yet (nbf)"
	                                                          : NULL;
}

static bool
is_for_us(const struct json_value *aud, const char *audience)
{
	struct json_value one;
	struct json_walk walk;

	if (is_string(aud, audience))
		return true;
	if (aud->kind != JSON_KIND_ARRAY)
		return false;
	json_walk_begin(&walk, aud);
	while (json_walk_element(&walk, &one))
		if (is_string(&one, audience))
			return true;
	return false;
}

/* A token for somebody else, signed with the same key, does not count here (RFC 7519, section
 * 4.1.3). */
static const char *
check_parties(const struct token_rules *rules, const struct member_list *members)
{
	const struct json_value *aud = find_claim(members, "aud");

	if (rules->issuer[0] != '\0' && !is_string(find_claim(members, "iss"), rules->issuer))
		return "its iss is not [auth] jwt_issuer";
	if (rules->audience[0] == '\0')
		return aud == NULL ? NULL : "it has an aud, but there is no [auth] jwt_audience";
	if (aud == NULL || !is_for_us(aud, rules->audience))
		return "its aud is not [auth] jwt_audience";
	return NULL;
}

/* Whether it is a string that may name a user, a room, or (`is_ns`) a namespace; p NULL: none. */
static bool
is_name(struct slice literal, bool is_ns)
{
	struct buf text = {.p = NULL};
	struct slice name;
	bool good;

	json_string_decode(&text, literal);
	name = text.p == NULL ? SLICE("") : buf_slice(&text);
	good = !text.failed && (is_ns ? name_is_namespace(name) : name_is_valid(name));
	buf_free(&text);
	return good;
}

static const char *
read_user(const struct member_list *members, struct token_claims *claims)
{
	const struct json_value *sub = find_claim(members, "sub");
	struct buf text = {.p = NULL};

	if (sub == NULL)
		return NULL;
	if (sub->kind != JSON_KIND_STRING || sub->text.n <= 2 || !is_name(sub->text, false))
		return "its sub is not the name of a user";
	json_string_decode(&text, sub->text);
	buf_add_char(&text, '\0');
	claims->user = text.p;
	return text.failed ? "there is no memory" : NULL;
}

static bool
are_rooms(const struct json_value *value)
{
	struct json_value room;
	struct json_walk walk;

	if (value->kind != JSON_KIND_ARRAY)
		return false;
	json_walk_begin(&walk, value);
	while (json_walk_element(&walk, &room))
		if (room.kind != JSON_KIND_STRING || !is_name(room.text, false))
			return false;
	return true;
}

static bool
are_rooms_by_namespace(const struct json_value *value)
{
	struct json_value rooms;
	struct json_walk walk;
	struct slice ns;

	if (value->kind != JSON_KIND_OBJECT)
		return are_rooms(value);
	json_walk_begin(&walk, value);
	while (json_walk_member(&walk, &ns, &rooms))
		if (!is_name(ns, true) || !are_rooms(&rooms))
			return false;
	return true;
}

static const char *
read_rooms(
    const struct token_rules *rules, const struct member_list *members, struct token_claims *claims)
{
	const struct json_value *rooms =
	    rules->rooms[0] == '\0' ? NULL : find_claim(members, rules->rooms);

	if (rooms == NULL)
		return NULL;
	if (!are_rooms_by_namespace(rooms))
		return "its claim [auth] jwt_rooms is not a list of rooms";
	claims->rooms = strndup(rooms->text.p, rooms->text.n);
	return claims->rooms == NULL ? "there is no memory" : NULL;
}

/* --- the token ------------------------------------------------------------------------------ */

static const char *
read_claims(const struct token_rules *rules, struct slice payload, int64_t now_ms,
    struct token_claims *claims)
{
	struct member_list members;
	const char *wrong = read_members(&members, payload);

	if (wrong == NULL)
		wrong = check_times(rules, &members, now_ms, claims);
	if (wrong == NULL)
		wrong = check_parties(rules, &members);
	if (wrong == NULL)
		wrong = read_user(&members, claims);
	return wrong == NULL ? read_rooms(rules, &members, claims) : wrong;
}

/* Its three parts, and what the signature is of. */
struct token_parts {
	struct slice signed_text;
	struct buf header, payload, signature;
};

static const char *
cut_parts(struct token_parts *parts, struct slice token)
{
	struct slice rest = token, header, payload;

	if (token.n > TOKEN_BYTES_MAX)
		return "it is longer than 4096 bytes";
	if (!slice_cut(&rest, '.', &header) || !slice_cut(&rest, '.', &payload) || rest.p == NULL ||
	    (rest.n > 0 && memchr(rest.p, '.', rest.n) != NULL))
		return "it is not three parts with dots between them";
	parts->signed_text = (struct slice){token.p, header.n + 1 + payload.n};
	if (decode_part(&parts->header, header) == -1 ||
	    decode_part(&parts->payload, payload) == -1 ||
	    decode_part(&parts->signature, rest) == -1)
		return "a part of it is not base64url";
	return NULL;
}

static const char *
check_parts(const struct token_rules *rules, const struct token_parts *parts, int64_t now_ms,
    struct token_claims *claims)
{
	enum token_alg alg;
	const char *wrong = read_alg(rules->keys, buf_slice(&parts->header), &alg);

	if (wrong != NULL)
		return wrong;
	if (!token_keys_signed(rules->keys, alg, parts->signed_text, buf_slice(&parts->signature)))
		return "its signature is wrong";
	return read_claims(rules, buf_slice(&parts->payload), now_ms, claims);
}

const char *
token_verify(const struct token_rules *rules, struct slice token, int64_t now_ms,
    struct token_claims *claims)
{
	struct token_parts parts = {.signed_text = {NULL, 0}};
	const char *wrong = cut_parts(&parts, token);

	*claims = (struct token_claims){.user = NULL};
	if (wrong == NULL)
		wrong = check_parts(rules, &parts, now_ms, claims);
	buf_free(&parts.header);
	buf_free(&parts.payload);
	buf_free(&parts.signature);
	if (wrong != NULL)
		token_claims_free(claims);
	return wrong;
}

void
token_claims_free(struct token_claims *claims)
{
	free(claims->user);
	free(claims->rooms);
	*claims = (struct token_claims){.user = NULL};
}
