#include "shared/transport/publish_done.h"

#include "shared/hub/link.h"
#include "shared/store/idempotency.h"
#include "shared/store/slots.h"
#include "shared/transport/internal.h"

#define REMEMBER_MS INT64_C(86400000)

/* Of what comes from other nodes: more than any key and any answer of ours has. */
#define TEXT_MAX 4096

/* Tell the other nodes. */
static int
tell_done(struct server *sv, struct slice key, struct slice answer)
{
	struct buf body = {.p = NULL};
	int result = -1;

	if (!link_is_on(sv->hub) || slots_link_peers(store_slots(hub_store(sv->hub))) == 0)
		return 0;
	frame_pack_done(
	    &body, &(struct link_done){.key = key, .answer = answer, .left_ms = REMEMBER_MS});
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
	    tell_done(sv, key, answer) == -1)
		transaction_fail(sv->hub);
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
	if (idempotency_remember(hub_store(sv->hub), d.key, d.answer, now, now + d.left_ms) == 0)
		return 0;
	transaction_fail(sv->hub);
	return -1;
}
