/* policyd: the Flash policy on a port of its own (PROTOCOL section 13).  One process, one loop, no
 * store, no application: every client gets the same answer. */
#ifndef POLLUX_POLICYD_H
#define POLLUX_POLICYD_H

#include <stddef.h>
#include <stdint.h>

#include <ev.h>

#include "shared/base/buf.h"
#include "shared/base/config.h"
#include "shared/base/listen.h"

struct policyd {
	struct ev_loop *loop;
	const struct config *cfg;
	struct listen listen;
	struct buf policy; /* the answer; owned */
	struct clients *clients;

	struct {
		uint64_t answered;
		uint64_t refused;   /* no descriptor, or no memory */
		uint64_t displaced; /* by a newer connection, where there was one too many */
		uint64_t late;      /* neither read the answer nor left in time */
	} counters;                 /* since the start, for SIGUSR1 */
};

#endif
