/* quota: what the application may keep for one session.  Beyond it that session's call is refused,
 * and nobody else's. */
#include <errno.h>

#include "shared/base/log.h"
#include "shared/hub/internal.h"
#include "shared/store/session_data.h"
#include "shared/wire/sid.h"

int
quota_refuse(int64_t key, const char *setting)
{
	char id[SID_PUBLIC_LENGTH + 1];

	sid_public_write(id, key);
	log_limited(LOG_LEVEL_WARN,
	    "session %s is at the limit %s: what the application asked for is refused", id,
	    setting);
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
		return quota_refuse(key, "data_per_session");
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
		return quota_refuse(key, "acks_per_session");
	if (result == STORE_OK)
		return 0;
	h->failed = true;
	return -EIO;
}
