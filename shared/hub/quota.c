/* quota: what the application may keep for one session.  Beyond it that session's call is refused,
 * and nobody else's. */
#include <errno.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/store/session_data.h"
#include "shared/wire/sid.h"

#define QUIET_MS 10000 /* a line about refusals, so often at most */

int
quota_refuse(struct hub *h, int64_t key, const char *setting)
{
	char id[SID_PUBLIC_LENGTH + 1];

	h->refused++;
	if (h->now < h->next_refusal_line)
		return -EDQUOT;
	sid_public_write(id, key);
	log_warnx("session %s is at the limit %s; %u calls were refused", id, setting, h->refused);
	h->refused = 0;
	h->next_refusal_line = h->now + QUIET_MS;
	return -EDQUOT;
}

int
quota_set_value(struct hub *h, int64_t key, struct slice name, struct slice value)
{
	enum store_result result = STORE_FAILED;

	if (transaction_open(h) == 0)
		result =
		    session_data_set(h->store, key, name, value, (int64_t)h->o.data_per_session);
	if (result == STORE_FULL)
		return quota_refuse(h, key, "data_per_session");
	if (result == STORE_OK)
		return 0;
	h->failed = true;
	return -EIO;
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
