/* per_address: how many of the sessions one address may have, so that nobody takes all of them. */
#ifndef POLLUX_HUB_PER_ADDRESS_H
#define POLLUX_HUB_PER_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

struct hub;

#define PER_ADDRESS_FULL 16

/* Those who have all they may have, as found a moment ago: who asks ten thousand times a second is
 * counted once.  Starts zeroed. */
struct per_address {
	struct per_address_full {
		int64_t network, until;
	} full[PER_ADDRESS_FULL]; /* a share is a tenth: not many can have one */
	unsigned next;
};

/* Whether a new session of this address is one too many.  In the turn's transaction. */
bool per_address_exceeded(struct hub *h, struct slice address);

#endif
