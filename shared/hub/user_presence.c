#include "shared/hub/user_presence.h"

#include <stdlib.h>
#include <string.h>

#include "shared/hub/internal.h"
#include "shared/store/slots.h"
#include "shared/store/user_row.h"

#define NOTED_MAX 100 /* told in one go; the rest waits for the next second */

/* Is any session of the user connected but this one?  Else the turn may have failed. */
static bool
has_no_other(struct hub *h, struct slice user, int64_t except)
{
	const struct hub_ns *root = h->o.app.find(h->o.app.arg, SLICE(""));
	int64_t other = user_row_session(h->store, user, except, root->chan, false);

	if (other == -1)
		h->failed = true;
	return other == 0;
}

static bool
has_joined_root(struct hub *h, int64_t key)
{
	const struct hub_ns *root = h->o.app.find(h->o.app.arg, SLICE(""));
	int is = user_row_is_member(h->store, key, root->chan);

	if (is == -1)
		h->failed = true;
	return is == 1;
}

static void
tell_user_change(struct hub *h, int64_t key, struct slice user, bool arrives)
{
	if (h->o.no_app) {
		if (user_row_note(h->store, key, user, arrives) == -1)
			h->failed = true;
	} else if (h->o.app.user_changed != NULL) {
		h->o.app.user_changed(h->o.app.arg, key, user, arrives);
	}
}

/* Tell that the user comes or goes, unless another session is connected. */
static bool
tell_if_only(struct hub *h, int64_t key, struct slice user, bool arrives)
{
	if (!has_no_other(h, user, key))
		return false;
	tell_user_change(h, key, user, arrives);
	return true;
}

/* --- sessions of ours ----------------------------------------------------------------------- */

void
user_presence_begins(struct hub *h, int64_t key)
{
	char *user = session_row_user(h->store, key);

	if (user != NULL)
		(void)tell_if_only(h, key, slice_of(user), true);
	free(user);
}

bool
user_presence_ends(struct hub *h, int64_t key)
{
	char *user = session_row_user(h->store, key);
	/* one that came while the machine was drained never was */
	bool told =
	    user != NULL && has_joined_root(h, key) && tell_if_only(h, key, slice_of(user), false);

	free(user);
	return told;
}

bool
user_presence_changes(struct hub *h, int64_t key, struct slice before, struct slice now)
{
	bool told;

	if ((before.p == NULL && now.p == NULL) ||
	    (before.p != NULL && now.p != NULL && slice_equal(before, now)))
		return false;
	/* one that connects later comes then */
	if (!has_joined_root(h, key))
		return false;
	told = before.p != NULL && tell_if_only(h, key, before, false);
	if (now.p != NULL)
		(void)tell_if_only(h, key, now, true);
	return told;
}

/* --- sessions of other nodes ---------------------------------------------------------------- */

/* Is this the node that tells what no other can know to be its to tell? */
static bool
is_lowest_node(const struct hub *h)
{
	int own = link_number(h);

	for (int i = 0; i < own; i++)
		if (link_lives(h, i))
			return false;
	return own != LINK_NOBODY;
}

void
user_presence_heard(struct hub *h, int64_t key, struct slice user, bool told)
{
	const struct hub_ns *root = h->o.app.find(h->o.app.arg, SLICE(""));
	int64_t ours;

	if (!told) {
		/* the last two ended at the same time, each where the other was still known */
		if (is_lowest_node(h))
			user_presence_lost(h, key, user);
		return;
	}
	/* one of ours came while its home did not know: the user is here */
	ours = user_row_session(h->store, user, 0, root->chan, true);
	if (ours == -1)
		h->failed = true;
	if (ours > 0)
		tell_user_change(h, ours, user, true);
}

void
user_presence_lost(struct hub *h, int64_t key, struct slice user)
{
	(void)tell_if_only(h, key, user, false);
}

/* --- of processes without an application ---------------------------------------------------- */

struct noted_list {
	struct {
		int64_t id, key;
		char *user; /* owned */
		bool arrives;
	} at[NOTED_MAX];
	int n;
};

static void
add_noted(void *arg, const struct user_change *change)
{
	struct noted_list *list = arg;
	int i = list->n++;

	list->at[i].id = change->id;
	list->at[i].key = change->key;
	list->at[i].user = strndup(change->user.p, change->user.n);
	list->at[i].arrives = change->arrives;
}

void
user_presence_tell_noted(struct hub *h)
{
	struct noted_list list = {.n = 0};

	if (user_row_list_noted(h->store, NOTED_MAX, add_noted, &list) > 0 &&
	    transaction_open_now(h) == 0) {
		for (int i = 0; i < list.n; i++)
			if (list.at[i].user == NULL)
				h->failed = true;
			else
				tell_user_change(h, list.at[i].key, slice_of(list.at[i].user),
				    list.at[i].arrives);
		/* in the transaction of the telling */
		if (user_row_told(h->store, list.at[list.n - 1].id) == -1)
			h->failed = true;
		if (list.n == NOTED_MAX)
			slots_set_end_requested(store_slots(h->store), true);
	}
	for (int i = 0; i < list.n; i++)
		free(list.at[i].user);
}
