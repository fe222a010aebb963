#include "shared/transport/place.h"

#include <inttypes.h>
#include <string.h>

#include "shared/base/log.h"
#include "shared/store/places.h"
#include "shared/store/slots.h"
#include "shared/store/waiters.h"
#include "shared/transport/internal.h"
#include "shared/wire/sid.h"

/* A client that was told to come again does so within this time, or not at all. */
#define COMES_AGAIN_MS 600000

/* As many processes without a held request are kept for handshakes and POSTs. */
#define KEPT_IDLE 3

/* So few places are left, at most, when others need the processes that we do not. */
#define PLACES_LEFT 2

/* And what it sends as soon as it is connected arrives within this time. */
#define SENT_AT_ONCE_MS 10000

/* --- what is configured --------------------------------------------------------------------- */

static size_t
place_limit(const struct server *sv)
{
	switch (sv->kind) {
	case SERVER_FCGI:
		/* CONFIG_LIMIT_AUTO was for the program to replace */
		return sv->cfg->fcgi_max_held_polls > PLACES_MAX ? 0 : sv->cfg->fcgi_max_held_polls;
	case SERVER_WSD:
		return sv->cfg->wsd_max_held_requests;
	case SERVER_TOOL:
	case SERVER_LINKD:
		return 0;
	}
	return 0;
}

static enum places_pool
place_pool(const struct server *sv)
{
	return sv->kind == SERVER_WSD ? PLACES_WSD : PLACES_FCGI;
}

static struct slots *
place_slots(struct server *sv)
{
	return store_slots(hub_store(sv->hub));
}

/* Was anybody told to come again who may still do it? */
static bool
place_is_awaited(struct server *sv)
{
	return places_last_refused(place_slots(sv), place_pool(sv), sv->now) < COMES_AGAIN_MS;
}

void
place_open(struct server *sv)
{
	if (sv->kind == SERVER_FCGI || sv->kind == SERVER_WSD)
		places_set_limit(place_slots(sv), place_pool(sv), place_limit(sv));
}

/* --- who asks ------------------------------------------------------------------------------- */

/* What tells clients apart that have no session yet: a hash of what a browser sends with each of
 * its requests; 0: out of memory. */
static int64_t
hash_client(struct server *sv, const struct exchange *x)
{
	static const char *const headers[] = {"user-agent", "cookie", "accept-language"};
	struct buf *text = &sv->text;

	buf_clear(text);
	buf_add_slice(text, x->address);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		buf_add_char(text, '\n');
		buf_add_slice(text, x->header(x, headers[i]));
	}
	buf_add_char(text, '\n');
	buf_add_slice(text, x->origin);
	return text->failed ? 0 : sid_key(buf_slice(text));
}

enum place_verdict
place_judge(struct server *sv, const struct exchange *x)
{
	size_t limit = place_limit(sv);
	int64_t client;

	if (limit == 0 || !places_are_taken(place_slots(sv), place_pool(sv), limit, sv->now))
		return PLACE_FREE;
	client = hash_client(sv, x);
	return client != 0 && waiters_is_due(place_slots(sv), client, sv->now) ? PLACE_WAIT
	                                                                       : PLACE_NONE;
}

int
place_no_session(char sid[STORE_SID_SIZE])
{
	if (sid_generate(sid) == -1)
		return -1;
	memcpy(sid, PLACE_NO_SESSION, strlen(PLACE_NO_SESSION));
	return 0;
}

bool
place_is_no_session(struct slice sid)
{
	return sid.n == SID_LENGTH && slice_starts(sid, SLICE(PLACE_NO_SESSION));
}

bool
place_forgives_end(struct server *sv, const struct session *s)
{
	return place_limit(sv) > 0 && !session_has_spoken(s) && place_is_awaited(sv) &&
	       places_age(place_slots(sv), place_pool(sv), session_key(s), sv->now) <
	           SENT_AT_ONCE_MS;
}

/* --- the place of a request ----------------------------------------------------------------- */

uint64_t
place_take(struct server *sv, const struct exchange *x, const struct session *s)
{
	size_t limit = place_limit(sv);
	uint64_t ticket;

	if (limit == 0)
		return PLACE_NOT_NEEDED;
	ticket = places_take(place_slots(sv), place_pool(sv), session_key(s), limit, sv->now);
	if (ticket != 0 && !session_is_connected(s) && place_is_awaited(sv))
		waiters_remove(place_slots(sv), hash_client(sv, x), sv->now);
	return ticket;
}

void
place_reserve(struct server *sv, int64_t key)
{
	size_t limit = place_limit(sv);

	if (limit > 0)
		places_reserve(place_slots(sv), place_pool(sv), key, limit, sv->now);
}

void
place_leave(struct server *sv, uint64_t ticket, bool for_good)
{
	if (ticket != PLACE_NOT_NEEDED)
		places_leave(place_slots(sv), place_pool(sv), ticket, for_good, sv->now);
}

static void
log_refusals(struct server *sv)
{
	uint64_t n = places_count_refused(place_slots(sv), place_pool(sv), sv->now);

	if (n > 0 && sv->kind == SERVER_WSD)
		log_warnx("all %zu places for held requests are taken: %" PRIu64
			  " times a client was told to come again; see [wsd] max_held_requests",
		    place_limit(sv), n);
	else if (n > 0)
		log_warnx("all %zu places for polls are taken: %" PRIu64
			  " times a client was told to come again; raise [fcgi] max_held_polls if "
			  "the host allows more processes",
		    place_limit(sv), n);
}

void
place_refuse(struct server *sv, const struct transport *t, struct exchange *x,
    const struct route *route, struct session *s, bool streams)
{
	const struct slice packets[] = {SLICE("1::"), UNKNOWN_SESSION_PACKET};
	int64_t client = hash_client(sv, x);
	/* without memory: what ends at once */
	enum waiters_answer say =
	    client == 0 ? WAITERS_FAIL
			: waiters_answer(place_slots(sv), client, sid_key(route->sid), sv->now);

	/* whoever is connected waits for nothing, and understands it */
	if (s != NULL && session_is_connected(s))
		say = WAITERS_SAY_AGAIN;
	log_refusals(sv);
	server_count(sv, COUNT_REFUSED_PLACE);
	if (s != NULL)
		session_end(sv->hub, s, "no place", false);
	switch (say) {
	case WAITERS_SAY_AGAIN:
		answer_refused(sv, x, t, route, packets + 1, 1);
		break;
	case WAITERS_CONNECT:
		/* the end of a stream may not be noticed: it is told */
		answer_refused(sv, x, t, route, packets, streams ? 2 : 1);
		break;
	case WAITERS_FAIL:
		answer_error(sv, x, 503, "server busy");
		break;
	}
}

bool
place_is_spare(struct server *sv)
{
	const struct slots *slots = place_slots(sv);
	size_t limit = place_limit(sv);
	struct slot_info info;
	int idle = 0;

	if (limit <= PLACES_LEFT || sv->kind != SERVER_FCGI || hub_held(sv->hub) > 0 ||
	    !places_are_taken(slots, PLACES_FCGI, limit - PLACES_LEFT, sv->now))
		return false;
	/* of several that look at the same time those with the lowest slots stay */
	for (int i = 0; i < slots_own(slots) && idle < KEPT_IDLE; i++)
		if (slots_info(slots, i, &info) && info.kind == SERVER_FCGI && info.held == 0)
			idle++;
	return idle == KEPT_IDLE;
}
