#include "shared/hub/presence.h"

#include "shared/hub/internal.h"
#include "shared/store/link_out.h"
#include "shared/store/remote.h"
#include "shared/store/session_data.h"
#include "shared/store/slots.h"
#include "shared/store/subscription.h"

/* What is collected in one turn; more than this fails it. */
#define PRESENCE_BYTES ((size_t)16 << 20)

/* Is there anybody to tell?  Under the writer's lock: see slots_link_peers(). */
static bool
presence_is_wanted(struct hub *h)
{
	return h->o.cluster && slots_link_peers(store_slots(h->store)) > 0;
}

static void
add_presence(struct hub *h, const struct link_presence *p)
{
	if (!presence_is_wanted(h))
		return;
	h->presence.ceiling = PRESENCE_BYTES;
	frame_pack_presence(&h->presence, p);
	if (h->presence.failed)
		h->failed = true;
}

/* No other node has anything to send to a page of the status, and none takes its namespace for one.
 */
static bool
is_told_namespace(struct slice ns)
{
	return !slice_is(ns, SESSION_STATUS_NS);
}

/* --- one session ---------------------------------------------------------------------------- */

struct value_list {
	struct buf *out;
	int64_t key;
};

static void
describe_value(void *arg, struct slice name, struct slice value)
{
	struct value_list *list = arg;

	frame_pack_presence(
	    list->out, &(struct link_presence){
			   .what = LINK_VALUE, .key = list->key, .room = name, .value = value});
}

static void
describe_membership(void *arg, const struct subscription *sub)
{
	struct value_list *list = arg;

	if (sub->until == INT64_MAX && is_told_namespace(sub->ns))
		frame_pack_presence(list->out,
		    &(struct link_presence){
			.what = LINK_JOINED, .key = list->key, .ns = sub->ns, .room = sub->room});
}

/* Everything but the memberships.  `transport` is the one that counts, which may not be written
 * yet. */
static int
describe_session(struct hub *h, int64_t key, int transport, struct buf *out)
{
	struct value_list list = {.out = out, .key = key};
	struct remote_session s;
	struct buf texts = {.p = NULL};
	enum store_result found = remote_describe(h->store, key, &s, &texts);

	if (found == STORE_OK)
		frame_pack_presence(
		    out, &(struct link_presence){
			     .what = LINK_CONNECTED,
			     .transport = (unsigned char)(transport < 0 ? s.transport : transport),
			     .key = key,
			     .number = s.issued,
			     .user = s.user,
			     .address = s.address,
			 });
	buf_free(&texts);
	if (found == STORE_NOT_FOUND)
		return 0;
	if (found != STORE_OK || session_data_list(h->store, key, describe_value, &list) == -1)
		return -1;
	return out->failed ? -1 : 0;
}

int
presence_describe(struct hub *h, int64_t key, struct buf *out)
{
	struct value_list list = {.out = out, .key = key};

	if (describe_session(h, key, -1, out) == -1 ||
	    subscription_list(h->store, key, describe_membership, &list) == -1)
		return -1;
	return out->failed ? -1 : 0;
}

/* --- changes -------------------------------------------------------------------------------- */

void
presence_connected(struct hub *h, const struct session *s)
{
	if (!presence_is_wanted(h))
		return;
	h->presence.ceiling = PRESENCE_BYTES;
	if (describe_session(h, s->row.key, s->row.transport, &h->presence) == -1)
		h->failed = true;
}

void
presence_transport(struct hub *h, const struct session *s)
{
	add_presence(h, &(struct link_presence){
			    .what = LINK_TRANSPORT,
			    .transport = (unsigned char)s->row.transport,
			    .key = s->row.key,
			});
}

void
presence_joined(struct hub *h, int64_t key, struct slice ns, struct slice room)
{
	if (is_told_namespace(ns))
		add_presence(h, &(struct link_presence){
				    .what = LINK_JOINED, .key = key, .ns = ns, .room = room});
}

void
presence_left(struct hub *h, int64_t key, struct slice ns, struct slice room)
{
	if (is_told_namespace(ns))
		add_presence(h,
		    &(struct link_presence){.what = LINK_LEFT, .key = key, .ns = ns, .room = room});
}

void
presence_user(struct hub *h, int64_t key, struct slice user, bool told)
{
	add_presence(h,
	    &(struct link_presence){.what = LINK_USER, .key = key, .number = told, .user = user});
}

void
presence_value(struct hub *h, int64_t key, struct slice name, struct slice value)
{
	add_presence(h,
	    &(struct link_presence){.what = LINK_VALUE, .key = key, .room = name, .value = value});
}

void
presence_ended(struct hub *h, int64_t key, bool remember, bool told)
{
	add_presence(
	    h, &(struct link_presence){
		   .what = LINK_ENDED,
		   .key = key,
		   .number = (remember ? LINK_ENDED_REMEMBER : 0) | (told ? LINK_ENDED_TOLD : 0),
	       });
}

/* --- the turn ------------------------------------------------------------------------------- */

int
presence_flush(struct hub *h)
{
	int result;

	if (h->presence.n == 0)
		return 0;
	/* what was collected has used the transaction */
	result = link_out_add(h->store, LINK_ALL, LINK_PRESENCE, buf_slice(&h->presence));
	presence_forget(h);
	return result;
}

void
presence_forget(struct hub *h)
{
	/* a turn that ended ten thousand sessions shall not keep its memory */
	if (h->presence.cap > 65536)
		buf_free(&h->presence);
	else
		buf_clear(&h->presence);
}
