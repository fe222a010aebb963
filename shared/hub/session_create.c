/* session_create: new sessions, for the handshake. */
#include <errno.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/store/slots.h"
#include "shared/wire/sid.h"

/* A taken id is less likely than a broken database: do not try for ever. */
#define SID_TRIES 3

static bool
too_many_sessions(struct hub *h, struct slice address)
{
	struct slots *slots = store_slots(h->store);

	if (slots_sessions(slots) < (int64_t)h->o.sessions) {
		if (!per_address_exceeded(h, address))
			return false;
		counters_count(slots, COUNT_REFUSED_PER_ADDRESS);
		return true;
	}
	counters_count(slots, COUNT_REFUSED_SESSIONS);
	log_limited(LOG_LEVEL_WARN,
	    "handshake refused: there are %zu sessions, as many as [limits] sessions allows",
	    h->o.sessions);
	return true;
}

int
session_create_sid(struct hub *h, char sid[STORE_SID_SIZE])
{
	if (sid_generate(sid) == -1)
		return -1;
	if (link_is_on(h) && link_number(h) != LINK_NOBODY)
		sid_set_number(sid, (unsigned)link_number(h));
	return 0;
}

/* Who decides about a new session, and what it is told. */
struct creation {
	const char *handshake;
	struct slice address;
	const struct session_grant *grant; /* of a token; NULL: the application decides */
};

static int
give_grant(struct hub *h, int64_t key, const struct session_grant *grant)
{
	if (grant->user.p != NULL && quota_set_user(h, key, grant->user) == -1)
		return -1;
	return session_row_grant(h->store, key, grant->expires, grant->rooms);
}

/* The application is told of all sessions but those of status pages.  STORE_TAKEN: the id is in
 * use. */
static enum store_result
add_session_row(struct hub *h, const struct creation *c, const char *sid)
{
	struct slice text = {sid, SID_LENGTH};
	enum store_result result = session_row_create(h->store, sid_key(text), text,
	    h->now + h->o.handshake_timeout_ms, c->address, slice_of(c->handshake));

	if (result != STORE_OK)
		return result;
	if (c->grant != NULL)
		return give_grant(h, sid_key(text), c->grant) == -1 ? STORE_FAILED : STORE_OK;
	if (h->o.app.created != NULL && !sid_is_status(sid) &&
	    h->o.app.created(h->o.app.arg, sid_key(text)) == -1)
		return STORE_FAILED;
	return STORE_OK;
}

static int
ask_verdict(struct hub *h, const struct creation *c)
{
	if (c->grant == NULL)
		return h->o.app.authorize(h->o.app.arg, c->handshake);
	return h->o.app.admits == NULL ? 0 : h->o.app.admits(h->o.app.arg);
}

/* With the id `given`, or one that is made here and written to `sid`. */
static enum session_create_result
create_session(struct hub *h, const struct creation *c, char *sid, const char *given)
{
	enum store_result result;
	int verdict, tries = 0;

	/* it would end at once, and its client would have to come back a second time */
	if (store_is_outdated(h->store))
		return SESSION_BUSY;
	/* before the transaction: what the application does meanwhile must not hold the lock */
	verdict = ask_verdict(h, c);
	if (verdict != 0)
		return verdict == -EACCES        ? SESSION_UNAUTHORIZED
		       : verdict == -EAGAIN      ? SESSION_BUSY
		       : verdict == -EINPROGRESS ? SESSION_ASKED
		                                 : SESSION_APP_ERROR;
	if (transaction_open(h) == -1)
		return SESSION_BUSY;
	if (too_many_sessions(h, c->address))
		return h->failed ? SESSION_BUSY : SESSION_FULL;
	do {
		if (given == NULL && session_create_sid(h, sid) == -1)
			return SESSION_BUSY;
		result = add_session_row(h, c, given == NULL ? sid : given);
	} while (result == STORE_TAKEN && given == NULL && ++tries < SID_TRIES);
	if (result == STORE_OK) {
		counters_count(store_slots(h->store), COUNT_HANDSHAKES);
		return SESSION_CREATED;
	}
	h->failed = true;
	return SESSION_BUSY;
}

enum session_create_result
session_create(struct hub *h, const char *handshake, struct slice address, char sid[STORE_SID_SIZE])
{
	return create_session(h, &(struct creation){handshake, address, NULL}, sid, NULL);
}

enum session_create_result
session_create_granted(struct hub *h, const char *handshake, struct slice address,
    const struct session_grant *grant, char sid[STORE_SID_SIZE])
{
	return create_session(h, &(struct creation){handshake, address, grant}, sid, NULL);
}

enum session_create_result
session_create_as(
    struct hub *h, const char *handshake, struct slice address, const char sid[STORE_SID_SIZE])
{
	return create_session(h, &(struct creation){handshake, address, NULL}, NULL, sid);
}

enum session_create_result
session_create_status(
    struct hub *h, const char *handshake, struct slice address, char sid[STORE_SID_SIZE])
{
	if (store_is_outdated(h->store) || transaction_open(h) == -1 ||
	    session_create_sid(h, sid) == -1)
		return SESSION_BUSY;
	sid_mark_status(sid);
	if (add_session_row(h, &(struct creation){handshake, address, NULL}, sid) == STORE_OK)
		return SESSION_CREATED;
	h->failed = true;
	return SESSION_BUSY;
}
