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
	if (slots_sessions(store_slots(h->store)) < (int64_t)h->o.sessions)
		return per_address_exceeded(h, address);
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

/* STORE_TAKEN: the id is in use. */
static enum store_result
add_session_row(struct hub *h, const char *handshake, struct slice address, const char *sid)
{
	struct slice text = {sid, SID_LENGTH};
	enum store_result result = session_row_create(h->store, sid_key(text), text,
	    h->now + h->o.handshake_timeout_ms, address, slice_of(handshake));

	if (result == STORE_OK && h->o.app.created != NULL &&
	    h->o.app.created(h->o.app.arg, sid_key(text)) == -1)
		return STORE_FAILED;
	return result;
}

/* With the id `given`, or one that is made here and written to `sid`. */
static enum session_create_result
create_session(
    struct hub *h, const char *handshake, struct slice address, char *sid, const char *given)
{
	enum store_result result;
	int verdict, tries = 0;

	/* it would end at once, and its client would have to come back a second time */
	if (store_is_outdated(h->store))
		return SESSION_BUSY;
	/* before the transaction: what the application does meanwhile must not hold the lock */
	verdict = h->o.app.authorize(h->o.app.arg, handshake);
	if (verdict != 0)
		return verdict == -EACCES   ? SESSION_UNAUTHORIZED
		       : verdict == -EAGAIN ? SESSION_BUSY
		                            : SESSION_APP_ERROR;
	if (transaction_open(h) == -1 || too_many_sessions(h, address))
		return SESSION_BUSY;
	do {
		if (given == NULL && session_create_sid(h, sid) == -1)
			return SESSION_BUSY;
		result = add_session_row(h, handshake, address, given == NULL ? sid : given);
	} while (result == STORE_TAKEN && given == NULL && ++tries < SID_TRIES);
	if (result == STORE_OK)
		return SESSION_CREATED;
	h->failed = true;
	return SESSION_BUSY;
}

enum session_create_result
session_create(struct hub *h, const char *handshake, struct slice address, char sid[STORE_SID_SIZE])
{
	return create_session(h, handshake, address, sid, NULL);
}

enum session_create_result
session_create_as(
    struct hub *h, const char *handshake, struct slice address, const char sid[STORE_SID_SIZE])
{
	return create_session(h, handshake, address, NULL, sid);
}
