#include "shared/hub/per_address.h"

#include "shared/base/log.h"
#include "shared/base/proxies.h"
#include "shared/hub/internal.h"
#include "shared/store/slots.h"

#define FULL_MS 1000

/* How many sessions an address may have now; SIZE_MAX: any number. */
static size_t
limit_of_address(const struct hub *h)
{
	const struct hub_options *o = &h->o;
	size_t most = o->sessions_per_address == 0 ? SIZE_MAX : o->sessions_per_address;
	uint64_t taken = (uint64_t)slots_sessions(store_slots(h->store));
	uint64_t share = (uint64_t)o->sessions * o->address_share / 100;

	/* while there is room, a school behind one address may have it */
	if (o->address_share == 0 || taken <= (uint64_t)o->sessions * o->address_share_from / 100)
		return most;
	if (share == 0)
		share = 1;
	return share < most ? (size_t)share : most;
}

static bool
was_full(const struct hub *h, int64_t network)
{
	for (size_t i = 0; i < PER_ADDRESS_FULL; i++)
		if (h->per_address.full[i].network == network &&
		    h->now < h->per_address.full[i].until)
			return true;
	return false;
}

static void
note_full(struct hub *h, int64_t network)
{
	h->per_address.full[h->per_address.next++ % PER_ADDRESS_FULL] =
	    (struct per_address_full){network, h->now + FULL_MS};
}

/* Return true. */
static bool
refuse_address(struct slice address, size_t most)
{
	log_limited(LOG_LEVEL_WARN,
	    "handshake refused: %.*s has %zu sessions, all it may have ([limits] address_share, "
	    "sessions_per_address)",
	    (int)address.n, address.p, most);
	return true;
}

bool
per_address_exceeded(struct hub *h, struct slice address)
{
	size_t most = limit_of_address(h);
	struct address a;
	int64_t network, n;

	/* an address that is not known, or that of a proxy, stands for any number of clients */
	if (most == SIZE_MAX || !address_parse(&a, address) ||
	    (h->o.proxies != NULL && proxies_trust(h->o.proxies, &a)))
		return false;
	network = address_network(&a);
	if (was_full(h, network))
		return refuse_address(address, most);
	n = session_row_count(h->store, network, (int64_t)most);
	if (n == -1)
		transaction_fail(h); /* so no session is made, but not for its address */
	if (n < (int64_t)most)
		return false;
	note_full(h, network);
	return refuse_address(address, most);
}
