#include "linkd/known.h"

#include <stdlib.h>

#include "shared/action/name.h"
#include "shared/base/address.h"
#include "shared/base/clock.h"
#include "shared/hub/hub.h"
#include "shared/hub/session_remote.h"
#include "shared/hub/user_presence.h"
#include "shared/link/frame.h"
#include "shared/store/message_log.h"
#include "shared/store/remote.h"
#include "shared/store/session_data.h"
#include "shared/store/session_row.h"
#include "shared/store/slots.h"
#include "shared/store/subscription.h"
#include "shared/wire/route.h"
#include "shared/wire/utf8.h"

/* One body that is being taken in. */
struct known_taking {
	struct linkd *l;
	struct store *st;
	int sender;
	int64_t round;
	int64_t key; /* of the entry before: entries of one session come together */
	bool is_known;
	struct remote_place place;
};

/* What no program of ours would have told. */
static bool
is_entry_sound(const struct link_presence *p)
{
	switch ((enum link_presence_what)p->what) {
	case LINK_CONNECTED:
		return p->transport < TRANSPORT_COUNT && p->number >= 0 &&
		       p->address.n < ADDRESS_SIZE && utf8_valid(p->address) &&
		       (p->user.p == NULL || name_is_valid(p->user));
	case LINK_TRANSPORT:
		return p->transport < TRANSPORT_COUNT;
	case LINK_USER:
		return p->user.p == NULL || name_is_valid(p->user);
	case LINK_JOINED:
	case LINK_LEFT:
		return p->ns.p != NULL && name_is_namespace(p->ns) &&
		       (p->room.p == NULL || name_is_valid_or_has_nul(p->room));
	case LINK_VALUE:
		return p->room.p != NULL && name_is_valid_or_has_nul(p->room) &&
		       (p->value.p == NULL || utf8_valid(p->value));
	case LINK_ENDED:
		return true;
	}
	return false;
}

/* Find out where we believe the session of the entry to be. */
static int
place_entry(struct known_taking *t, int64_t key)
{
	if (key == t->key)
		return 0;
	/* in this turn something may have been done to it */
	session_remote_forget(t->l->hub, key);
	t->key = key;
	switch (remote_find(t->st, key, &t->place)) {
	case STORE_OK:
		t->is_known = true;
		return 0;
	case STORE_NOT_FOUND:
		t->is_known = false;
		return 0;
	default:
		return -1;
	}
}

static int
take_connected(struct known_taking *t, const struct link_presence *p)
{
	struct remote_session s = {
	    .key = p->key,
	    .home = t->sender,
	    .round = t->round,
	    .transport = p->transport,
	    .address = p->address,
	    .user = p->user,
	    .issued = p->number,
	};

	/* memberships and values follow: those that we knew of may be gone */
	if (t->is_known && remote_end(t->st, p->key, 0) == -1)
		return -1;
	t->is_known = true;
	t->place = (struct remote_place){.home = t->sender, .is_connected = true};
	return remote_put(t->st, &s);
}

static int
take_joined(struct known_taking *t, const struct link_presence *p)
{
	struct subscription sub = {
	    .chan = message_log_channel(p->ns, p->room),
	    .until = INT64_MAX,
	    .ns = p->ns,
	    .room = p->room,
	};

	filter_wide_add(slots_link_remote(store_slots(t->st)), sub.chan);
	return subscription_add(t->st, p->key, &sub);
}

static int
take_left(struct known_taking *t, const struct link_presence *p)
{
	if (p->room.p == NULL)
		return subscription_end_namespace(t->st, p->key, p->ns, -1);
	return subscription_end(t->st, p->key, message_log_channel(p->ns, p->room), -1);
}

static int
take_value(struct known_taking *t, const struct link_presence *p)
{
	if (p->value.p == NULL)
		return session_data_delete(t->st, p->key, p->room);
	/* how much it may be is for its home to say */
	return session_data_set(t->st, p->key, p->room, p->value, INT64_MAX) == STORE_FAILED ? -1
	                                                                                     : 0;
}

static int
take_ended(struct known_taking *t, const struct link_presence *p)
{
	int64_t remember =
	    (p->number & LINK_ENDED_REMEMBER) != 0 ? t->l->now + t->l->cfg->close_timeout_ms : 0;
	char *user = session_row_user(t->st, p->key);
	int result;

	t->key = 0; /* look again */
	result = remote_end(t->st, p->key, remember);
	if (result == 0 && user != NULL)
		user_presence_heard(
		    t->l->hub, p->key, slice_of(user), (p->number & LINK_ENDED_TOLD) != 0);
	free(user);
	return result;
}

static int
take_user(struct known_taking *t, const struct link_presence *p)
{
	char *before = session_row_user(t->st, p->key);
	int result = session_row_set_user(t->st, p->key, p->user);

	if (result == 0 && before != NULL &&
	    (p->user.p == NULL || !slice_equal(slice_of(before), p->user)))
		user_presence_heard(t->l->hub, p->key, slice_of(before), p->number != 0);
	free(before);
	return result;
}

static int
take_entry(struct known_taking *t, const struct link_presence *p)
{
	if (place_entry(t, p->key) == -1)
		return -1;
	/* nobody tells us of our own */
	if (t->is_known && t->place.home < 0)
		return 0;
	if (p->what == LINK_CONNECTED)
		return take_connected(t, p);
	if (!t->is_known || t->place.home != t->sender)
		return 0;
	if (p->what == LINK_ENDED)
		return take_ended(t, p);
	if (!t->place.is_connected)
		return 0;
	switch ((enum link_presence_what)p->what) {
	case LINK_TRANSPORT:
		return remote_set_transport(t->st, p->key, p->transport);
	case LINK_USER:
		return take_user(t, p);
	case LINK_JOINED:
		return take_joined(t, p);
	case LINK_LEFT:
		return take_left(t, p);
	case LINK_VALUE:
		return take_value(t, p);
	case LINK_CONNECTED:
	case LINK_ENDED:
		break;
	}
	return 0;
}

int
known_take(struct linkd *l, int sender, int64_t round, struct slice body)
{
	struct known_taking t = {.l = l, .st = hub_store(l->hub), .sender = sender, .round = round};
	struct link_presence p;
	bool failed;

	if (transaction_open(l->hub) == -1)
		return -1;
	while (frame_unpack_presence(&body, &p, &failed)) {
		/* one that a newer node has: the others count even so */
		if (!is_entry_sound(&p)) {
			slots_link_count(store_slots(t.st), LINK_COUNT_BAD, 1);
			continue;
		}
		if (take_entry(&t, &p) == -1) {
			transaction_fail(l->hub);
			return -1;
		}
	}
	return failed ? 1 : 0;
}

int
known_forget(struct linkd *l, int64_t key)
{
	struct store *st = hub_store(l->hub);
	char *user = session_row_user(st, key);
	int result;

	session_remote_forget(l->hub, key);
	result = remote_end(st, key, 0);
	if (result == -1)
		transaction_fail(l->hub);
	else if (user != NULL)
		user_presence_heard(l->hub, key, slice_of(user), false);
	free(user);
	return result;
}

/* --- the filter ----------------------------------------------------------------------------- */

static void
add_channel(void *arg, int64_t chan)
{
	filter_wide_add(arg, chan);
}

int64_t
known_rebuild_filter(struct linkd *l)
{
	struct store *st = hub_store(l->hub);
	struct filter_wide *fresh = calloc(1, sizeof(*fresh));
	int64_t began = clock_ms();

	if (fresh != NULL && remote_channels(st, add_channel, fresh) != -1)
		filter_wide_replace(slots_link_remote(store_slots(st)), fresh);
	free(fresh);
	return clock_ms() - began;
}
