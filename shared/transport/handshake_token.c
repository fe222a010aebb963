/* The token of a handshake ([auth]): where it is, and the session that it admits. */
#include "shared/action/token.h"

#include "shared/action/token_keys.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/transport/internal.h"
#include "shared/wire/cookie.h"
#include "shared/wire/form.h"

/* --- where it is ---------------------------------------------------------------------------- */

/* Append the token.  The query counts first: a page may have a newer one than its cookie. */
static void
find_token(struct buf *token, const struct config *cfg, const struct exchange *x,
    const struct route *route)
{
	struct slice raw;

	if (cfg->jwt_query[0] != '\0' && form_field(route->query, cfg->jwt_query, &raw))
		form_decode(token, raw);
	if (token->n == 0 && cfg->jwt_cookie[0] != '\0' &&
	    cookie_find(x->header(x, "cookie"), slice_of(cfg->jwt_cookie), &raw))
		buf_add_slice(token, raw);
}

/* --- what it grants ------------------------------------------------------------------------- */

static bool
is_required(const struct server *sv)
{
	return sv->cfg->jwt_required == CONFIG_YES ||
	       (sv->cfg->jwt_required == CONFIG_AUTO && !application_authorizes(sv->application));
}

static enum session_create_result
create_with_claims(struct server *sv, const struct exchange *x, const struct token_claims *claims,
    int64_t wall_ms, char sid[STORE_SID_SIZE])
{
	const struct session_grant grant = {
	    .user = slice_of(claims->user),
	    .rooms = slice_of(claims->rooms),
	    .expires =
		claims->ends_ms == INT64_MAX ? INT64_MAX : sv->now + (claims->ends_ms - wall_ms),
	};

	return session_create_granted(sv->hub, sv->text.p, x->address, &grant, sid);
}

static void
log_token_refusal(const struct exchange *x, const char *why)
{
	log_limited(LOG_LEVEL_INFO, "handshake refused: the token of %.*s: %s", (int)x->address.n,
	    slice_text(x->address), why);
}

static enum handshake_token_result
admit_token(struct server *sv, const struct exchange *x, struct slice token,
    enum session_create_result *result, char sid[STORE_SID_SIZE])
{
	const struct token_rules rules = {
	    .keys = sv->token_keys,
	    .issuer = sv->cfg->jwt_issuer,
	    .audience = sv->cfg->jwt_audience,
	    .rooms = sv->cfg->jwt_rooms,
	    .leeway_ms = sv->cfg->jwt_leeway_ms,
	};
	struct token_claims claims;
	int64_t wall_ms = clock_wall_ms();
	const char *wrong = token_verify(&rules, token, wall_ms, &claims);

	if (wrong != NULL) {
		log_token_refusal(x, wrong);
		return HANDSHAKE_TOKEN_REFUSED;
	}
	*result = create_with_claims(sv, x, &claims, wall_ms, sid);
	token_claims_free(&claims);
	return HANDSHAKE_TOKEN_ADMITS;
}

enum handshake_token_result
handshake_token_admit(struct server *sv, const struct exchange *x, const struct route *route,
    enum session_create_result *result, char sid[STORE_SID_SIZE])
{
	enum handshake_token_result how = HANDSHAKE_TOKEN_NONE;
	struct buf token = {.p = NULL};

	if (!token_keys_any(sv->token_keys))
		return how;
	find_token(&token, sv->cfg, x, route);
	if (token.n > 0) {
		how = admit_token(sv, x, buf_slice(&token), result, sid);
	} else if (is_required(sv)) {
		log_limited(LOG_LEVEL_INFO, "handshake refused: %.*s has no token",
		    (int)x->address.n, slice_text(x->address));
		how = HANDSHAKE_TOKEN_REFUSED;
	}
	buf_free(&token);
	return how;
}
