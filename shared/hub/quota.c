/* quota: what the application may keep for one session.  Beyond it that session's call is refused,
 * and nobody else's. */
#include <errno.h>
#include <stdlib.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/hub/mail.h"
#include "shared/hub/user_presence.h"
#include "shared/store/session_data.h"
#include "shared/store/timer_row.h"
#include "shared/wire/sid.h"

int
quota_refuse(struct hub *h, int64_t key, const char *setting)
{
	char id[SID_PUBLIC_LENGTH + 1];

	counters_count(store_slots(h->store), COUNT_REFUSED_QUOTA);
	sid_public_write(id, key);
	log_limited(LOG_LEVEL_WARN,
	    "session %s is at the limit %s: what the application asked for is refused", id,
	    setting);
	return -EDQUOT;
}

/* The session if it lives on another node; callers have found it in this turn. */
static const struct session *
find_remote(const struct hub *h, int64_t key)
{
	const struct session *s = held_find(h, key);

	return s != NULL && held_is_remote(s) ? s : NULL;
}

int
quota_set_value(struct hub *h, int64_t key, struct slice name, struct slice value)
{
	enum store_result result = STORE_FAILED;
	const struct session *remote = find_remote(h, key);

	if (remote != NULL)
		return link_command(h, remote,
			   &(struct link_command){
			       .what = LINK_SET_VALUE, .name = name, .text = value}) == 0
		           ? 0
		           : -EIO;
	if (transaction_open(h) == 0)
		result =
		    session_data_set(h->store, key, name, value, (int64_t)h->o.data_per_session);
	if (result == STORE_FULL)
		return quota_refuse(h, key, "data_per_session");
	if (result == STORE_OK) {
		presence_value(h, key, name, value);
		return 0;
	}
	h->failed = true;
	return -EIO;
}

int
quota_delete_value(struct hub *h, int64_t key, struct slice name)
{
	const struct session *remote = find_remote(h, key);

	if (remote != NULL)
		return link_command(
		    h, remote, &(struct link_command){.what = LINK_DEL_VALUE, .name = name});
	if (transaction_open(h) == -1 || session_data_delete(h->store, key, name) == -1) {
		h->failed = true;
		return -1;
	}
	presence_value(h, key, name, (struct slice){NULL, 0});
	return 0;
}

int
quota_set_user(struct hub *h, int64_t key, struct slice user)
{
	const struct session *remote = find_remote(h, key);
	struct session *s;
	char *before;

	if (remote != NULL)
		return link_command(
		    h, remote, &(struct link_command){.what = LINK_SET_USER, .text = user});
	if (transaction_open(h) == -1) {
		h->failed = true;
		return -1;
	}
	before = session_row_user(h->store, key);
	if (session_row_set_user(h->store, key, user) == -1)
		h->failed = true;
	/* before a handler is told of the user, and sends more.  A session that is not in memory
	 * has no transport yet, and gets its mail when it has */
	if (!h->failed && user.p != NULL && (s = held_find(h, key)) != NULL) {
		s->row.has_user = true;
		(void)mail_deliver_all(h, s);
	}
	if (!h->failed)
		presence_user(h, key, user, user_presence_changes(h, key, slice_of(before), user));
	free(before);
	return h->failed ? -1 : 0;
}

int
quota_add_ack(struct hub *h, int64_t key, const struct quota_ack *ack, int64_t *id)
{
	enum store_result result = STORE_FAILED;

	if (transaction_open(h) == 0)
		result = ack_row_add(h->store, key, ack->ns, ack->handler, ack->context,
		    ack->deadline, (int64_t)h->o.acks_per_session, id);
	if (result == STORE_FULL)
		return quota_refuse(h, key, "acks_per_session");
	if (result == STORE_OK)
		return 0;
	h->failed = true;
	return -EIO;
}

int
quota_set_timer(struct hub *h, int64_t key, const struct quota_timer *timer)
{
	enum store_result result = STORE_FAILED;
	const struct session *remote = find_remote(h, key);

	if (remote != NULL)
		return link_command(h, remote,
			   &(struct link_command){.what = LINK_AFTER,
			       .number = timer->ms,
			       .ns = timer->ns,
			       .name = timer->name,
			       .context = timer->context}) == 0
		           ? 0
		           : -EIO;
	if (transaction_open(h) == 0)
		result = timer_row_set(h->store, key, timer->ns, timer->name, timer->context,
		    h->now + timer->ms, (int64_t)h->o.timers_per_session);
	if (result == STORE_FULL)
		return quota_refuse(h, key, "timers_per_session");
	if (result == STORE_OK)
		return 0;
	h->failed = true;
	return -EIO;
}

int
quota_drop_timer(struct hub *h, int64_t key, struct slice ns, struct slice name)
{
	const struct session *remote = find_remote(h, key);

	if (remote != NULL)
		return link_command(
		    h, remote, &(struct link_command){.what = LINK_CANCEL, .ns = ns, .name = name});
	if (transaction_open(h) == -1 || timer_row_drop(h->store, key, ns, name) == -1) {
		h->failed = true;
		return -1;
	}
	return 0;
}
