#include "shared/transport/publish_done.h"

#include "shared/hub/link.h"
#include "shared/store/idempotency.h"
#include "shared/store/slots.h"
#include "shared/store/status_login.h"
#include "shared/transport/internal.h"

#define REMEMBER_MS INT64_C(86400000)

/* Of what comes from other nodes: more than any key and any answer of ours has. */
#define TEXT_MAX 4096

/* What a login's key begins with between nodes.  The name of an API key, with which all others
 * begin, has no colon. */
#define LOGIN_PREFIX SLICE("status:")

/* Tell the other nodes. */
static int
tell_done(struct server *sv, struct slice key, struct slice answer, int64_t left_ms)
{
	struct buf body = {.p = NULL};
	int result = -1;

	if (!link_is_on(sv->hub) || slots_link_peers(store_slots(hub_store(sv->hub))) == 0)
		return 0;
	frame_pack_done(
	    &body, &(struct link_done){.key = key, .answer = answer, .left_ms = left_ms});
	if (!body.failed)
		result = link_tell(sv->hub, LINK_ALL, LINK_DONE, buf_slice(&body));
	buf_free(&body);
	return result;
}

void
publish_done_remember(struct server *sv, struct slice key, struct slice answer)
{
	if (idempotency_remember(hub_store(sv->hub), key, answer, sv->now, sv->now + REMEMBER_MS) ==
		-1 ||
	    tell_done(sv, key, answer, REMEMBER_MS) == -1)
		transaction_fail(sv->hub);
}

void
publish_done_login(struct server *sv, struct slice name, struct slice value, int64_t left_ms)
{
	struct buf key = {.p = NULL};

	buf_add_slice(&key, LOGIN_PREFIX);
	buf_add_slice(&key, name);
	if (key.failed ||
	    status_login_put(hub_store(sv->hub), name, value, sv->now, sv->now + left_ms) == -1 ||
	    tell_done(sv, buf_slice(&key), value, left_ms) == -1)
		transaction_fail(sv->hub);
	buf_free(&key);
}

/* Return 0, or -1. */
static int
remember_told(struct store *st, const struct link_done *d, int64_t now)
{
	if (slice_starts(d->key, LOGIN_PREFIX))
		return status_login_put(
		    st, slice_skip(d->key, LOGIN_PREFIX.n), d->answer, now, now + d->left_ms);
	return idempotency_remember(st, d->key, d->answer, now, now + d->left_ms);
}

int
publish_done_take(struct server *sv, struct slice body)
{
	struct link_done d;
	int64_t now = hub_now(sv->hub);

	if (!frame_unpack_done(body, &d) || d.key.n > TEXT_MAX || d.answer.n > TEXT_MAX)
		return 1;
	if (d.left_ms > REMEMBER_MS)
		d.left_ms = REMEMBER_MS;
	if (transaction_open(sv->hub) == -1)
		return -1;
	if (remember_told(hub_store(sv->hub), &d, now) == 0)
		return 0;
	transaction_fail(sv->hub);
	return -1;
}
