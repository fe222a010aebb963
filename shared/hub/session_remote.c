#include "shared/hub/session_remote.h"

#include <errno.h>
#include <stdlib.h>

#include "shared/hub/internal.h"
#include "shared/hub/mail.h"
#include "shared/hub/user_presence.h"
#include "shared/link/pack.h"
#include "shared/store/hook_queue.h"
#include "shared/store/link_out.h"
#include "shared/store/remote.h"
#include "shared/store/session_data.h"
#include "shared/store/slots.h"
#include "shared/wire/sid.h"

/* A session that has gone to another node is remembered this much longer than its handshake. */
#define NOTE_SLACK_MS 10000

#define PARTS 5 /* texts that go along: address, user, handshake, deferred actions, rooms */

/* --- sessions that move --------------------------------------------------------------------- */

static void
add_given_value(void *arg, struct slice name, struct slice value)
{
	pack_text(arg, name);
	pack_text(arg, value);
}

int
session_remote_give(
    struct hub *h, struct session *s, int node, struct link_found *f, struct buf *texts)
{
	int64_t key = s->row.key, deadline = s->row.deadline, expires;
	char *parts[PARTS];
	size_t at[PARTS], sid_at, values_at;

	if (s->over || s->row.state != STORE_NEW)
		return -EBUSY;
	if (transaction_open(h) == -1)
		return -1;
	parts[0] = session_row_address(h->store, key);
	parts[1] = session_row_user(h->store, key);
	parts[2] = session_row_handshake(h->store, key);
	parts[3] = remote_deferred(h->store, key);
	parts[4] = session_row_rooms(h->store, key);
	expires = session_row_expires(h->store, key);
	for (int i = 0; i < PARTS; i++) {
		at[i] = texts->n;
		buf_puts(texts, parts[i] == NULL ? "" : parts[i]);
		buf_add_char(texts, '\0');
	}
	sid_at = texts->n;
	buf_add(texts, s->row.sid, SID_LENGTH);
	values_at = texts->n;
	if (session_data_list(h->store, key, add_given_value, texts) == -1 || texts->failed ||
	    parts[2] == NULL || expires == INT64_MIN ||
	    remote_give(h->store, key, node, deadline + NOTE_SLACK_MS) == -1) {
		h->failed = true;
	} else {
		f->verdict = LINK_MOVED;
		f->node = node;
		f->left_ms = deadline - h->now;
		f->ends_ms = expires == INT64_MAX ? INT64_MAX : expires - h->now;
		f->sid = (struct slice){texts->p + sid_at, SID_LENGTH};
		f->address = slice_of(texts->p + at[0]);
		f->user = parts[1] == NULL ? f->user : slice_of(texts->p + at[1]);
		f->handshake = slice_of(texts->p + at[2]);
		f->deferred = parts[3] == NULL ? f->deferred : slice_of(texts->p + at[3]);
		f->rooms = parts[4] == NULL ? f->rooms : slice_of(texts->p + at[4]);
		f->values = (struct slice){texts->p + values_at, texts->n - values_at};
		/* whoever asks in this turn must not be given it once more */
		s->over = true;
		s->row.state = STORE_REMOTE_NOTE;
		s->row.home = node;
		s->row.deadline = deadline + NOTE_SLACK_MS;
		s->unsaved = false;
	}
	for (int i = 0; i < PARTS; i++)
		free(parts[i]);
	return h->failed ? -1 : 0;
}

/* The values and what else hangs on the row. */
static int
adopt_belongings(struct hub *h, int64_t key, const struct link_found *f)
{
	struct pack_reader in = {.rest = f->values};
	struct slice name, value;
	int64_t expires = f->ends_ms > INT64_MAX - h->now ? INT64_MAX : h->now + f->ends_ms;

	if (f->user.p != NULL && session_row_set_user(h->store, key, f->user) == -1)
		return -1;
	if (session_row_grant(h->store, key, expires, f->rooms) == -1)
		return -1;
	if (f->deferred.p != NULL && hook_queue_defer(h->store, key, f->deferred) == -1)
		return -1;
	while (in.rest.n > 0) {
		name = pack_read_text(&in);
		value = pack_read_text(&in);
		if (in.failed || name.p == NULL || value.p == NULL)
			return 0;
		if (session_data_set(h->store, key, name, value, (int64_t)h->o.data_per_session) ==
		    STORE_FAILED)
			return -1;
	}
	return 0;
}

int
session_remote_adopt(struct hub *h, const struct link_found *f)
{
	int64_t key = sid_key(f->sid), left = f->left_ms;
	enum store_result created;

	/* never longer than a session of our own */
	if (left > h->o.handshake_timeout_ms)
		left = h->o.handshake_timeout_ms;
	if (transaction_open(h) == -1)
		return -1;
	session_remote_forget(h, key);
	/* a note of before: then the session was elsewhere, as far as we knew */
	if (remote_end(h->store, key, 0) == -1) {
		h->failed = true;
		return -1;
	}
	created =
	    session_row_create(h->store, key, f->sid, h->now + left, f->address, f->handshake);
	if (created != STORE_OK || adopt_belongings(h, key, f) == -1) {
		h->failed = true;
		return -1;
	}
	return 0;
}

/* --- remote sessions ------------------------------------------------------------------------ */

void
session_remote_forget(struct hub *h, int64_t key)
{
	struct session *s = held_find(h, key);

	if (s == NULL || !held_is_remote(s))
		return;
	if (s->visiting)
		SLIST_REMOVE(&h->visits, s, session, visits_link);
	held_free(h, s);
}

int
session_remote_lose(struct hub *h, int64_t key, bool tell, const char *reason)
{
	struct session *s;
	char *user;

	if (session_find_key(h, key, &s) == SESSION_LIVE && held_is_remote(s) && tell) {
		s->ending = true;
		show_watchers(h, WATCH_END, key, slice_of(reason));
		counters_disconnect(store_slots(h->store), reason);
		membership_tell_all(h, s, reason);
		s->ending = false;
	}
	if (h->failed)
		return -1;
	user = tell ? session_row_user(h->store, key) : NULL;
	session_remote_forget(h, key);
	/* whether its node took what its client sends now cannot be said, as that may live */
	if (remote_end(h->store, key, h->now + h->o.close_timeout_ms) == -1)
		h->failed = true;
	else if (user != NULL)
		user_presence_lost(h, key, slice_of(user));
	free(user);
	return h->failed ? -1 : 0;
}

/* --- a node that was taken for dead --------------------------------------------------------- */

#define ANEW_MAX 1000

struct anew_list {
	int64_t keys[ANEW_MAX];
	int n;
};

static void
add_anew(void *arg, int64_t key)
{
	struct anew_list *list = arg;

	list->keys[list->n++] = key;
}

int
session_remote_begin_anew(struct hub *h)
{
	struct anew_list list = {.n = 0};

	if (transaction_open(h) == -1)
		return -1;
	if (remote_list_all_ours(h->store, ANEW_MAX, add_anew, &list) == -1)
		h->failed = true;
	for (int i = 0; i < list.n && !h->failed; i++)
		if (session_row_delete(h->store, list.keys[i]) == -1)
			h->failed = true;
	if (h->failed)
		return -1;
	if (list.n == ANEW_MAX)
		return 1;
	/* what still waits is of them, and late it would bring them back to life elsewhere */
	if (link_out_delete(h->store, INT64_MAX) == -1 || mail_drop_shared(h) == -1) {
		h->failed = true;
		return -1;
	}
	/* before the commit, or they would go on for a moment with sessions that have no rows: all
	 * processes start over as with a new database, those that sleep when they are woken */
	slots_bump_epoch(store_slots(h->store));
	store_wake_all(h->store);
	return 0;
}
