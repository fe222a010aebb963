/* How often a key may be tried: counted for each client address (address_network()) in each
 * process.  When the table is full, the address that was quiet for longest is forgotten. */
#include "shared/base/address.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"

#define TRIES_AT_ONCE 5
#define TRY_MS        10000 /* after that there is one more */
#define UNKNOWN       1     /* all whose address is not known */

static struct status_try *
find_tries(struct server *sv, struct slice address)
{
	struct address a;
	int64_t who = address_parse(&a, address) ? address_network(&a) : UNKNOWN;
	struct status_try *found = &sv->status.tries[0];

	for (size_t i = 0; i < STATUS_TRIES; i++) {
		struct status_try *t = &sv->status.tries[i];

		if (t->who == who)
			return t;
		if (t->free_at < found->free_at)
			found = t;
	}
	*found = (struct status_try){.who = who};
	return found;
}

bool
status_tries_allow(struct server *sv, struct slice address)
{
	/* each wrong one moves the time on; as far ahead as five of them it may not be */
	return find_tries(sv, address)->free_at <= sv->now + (TRIES_AT_ONCE - 1) * TRY_MS;
}

void
status_tries_count(struct server *sv, struct slice address)
{
	struct status_try *t = find_tries(sv, address);

	t->free_at = (t->free_at > sv->now ? t->free_at : sv->now) + TRY_MS;
}
