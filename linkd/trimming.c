#include "linkd/trimming.h"

#include <string.h>

#include "linkd/redis.h"
#include "shared/base/log.h"

void
trimming_begin(struct trimming *t)
{
	*t = (struct trimming){.is_due = false};
}

void
trimming_note(struct trimming *t)
{
	t->is_due = true;
}

static void
trimming_on_trimmed(void *arg, const redisReply *reply)
{
	struct trimming *t = arg;

	/* of what is no stream the reader says more */
	if (reply == NULL || reply->type != REDIS_REPLY_ERROR || t->is_refused ||
	    strncmp(reply->str, "WRONGTYPE", 9) == 0)
		return;
	t->is_refused = true;
	log_warnx("Redis cannot delete what this node has read, which needs version 6.2 (%s); its "
		  "stream keeps the newest [cluster] stream_length entries",
	    reply->str);
}

void
trimming_run(struct trimming *t, struct redis *r, const char *key, const char *position)
{
	const char *words[] = {"XTRIM", key, "MINID", position, NULL};

	if (!t->is_due || t->is_refused)
		return;
	t->is_due = false;
	(void)redis_words(r, trimming_on_trimmed, t, words);
}
