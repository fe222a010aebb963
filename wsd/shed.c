#include "wsd/shed.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "shared/base/log.h"
#include "wsd/conn.h"
#include "wsd/outqueue.h"

/* Finding the longest queue looks at every connection: a few times a round, and until there is so
 * much room that the next message does not begin it again. */
#define AT_ONCE 16

static struct wsd_conn *
find_longest_queue(const struct wsd *w)
{
	struct wsd_conn *c, *longest = NULL;
	size_t most = 0;

	LIST_FOREACH (c, &w->conns, all) {
		/* what has gone to another process is its own */
		if (c->state != WSD_CONN_CLOSED && c->given == NULL &&
		    outqueue_bytes(c->out) > most) {
			most = outqueue_bytes(c->out);
			longest = c;
		}
	}
	return longest;
}

/* What was freed lies between what is in use: malloc() would keep it. */
static void
give_memory_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

void
shed_queues(struct wsd *w)
{
	size_t most = w->cfg->wsd_queue_memory;
	struct wsd_conn *c;

	if (w->queued <= most)
		return;
	for (int i = 0; i < AT_ONCE && w->queued > most - most / 8; i++) {
		c = find_longest_queue(w);
		if (c == NULL)
			break;
		w->counters.shed++;
		log_limited(LOG_LEVEL_WARN,
		    "the queues of all connections hold more than [wsd] queue_memory: the longest, "
		    "%zu bytes that its client does not read, is dropped",
		    outqueue_bytes(c->out));
		wsd_conn_close(c, "queue overflow");
		outqueue_free(&c->out); /* now: the next one is looked for by what is left */
	}
	give_memory_back();
}
