/* handover_record: an open websocket as one process describes it to another, which gets its
 * descriptor with the first byte.
 *
 *	0   "PLXH"
 *	4   dialect: 0 hybi, 1 hixie-75, 2 hixie-76
 *	8   heartbeat: enum heartbeat_state
 *	12  bytes of input
 *	16  bytes of output
 *	20  zero
 *	24  generation of its session
 *	32  when its heartbeat is due, ms of CLOCK_MONOTONIC
 *	40  id of its session and a NUL, 24 bytes
 *	64  input: the beginning of a message
 *	    output: what is to be written; it may begin within a frame
 *
 * Numbers are those of the machine: both processes run on it.  The two need not be of one version:
 * a change of the format has a HANDED_VERSION of its own (shared/base/handed.h). */
#ifndef POLLUX_WSD_HANDOVER_RECORD_H
#define POLLUX_WSD_HANDOVER_RECORD_H

#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/transport/websocket.h"

#define HANDOVER_RECORD_HEAD 64

/* Of input and output together; a websocket that has more waits until there is less. */
#define HANDOVER_RECORD_MOST ((size_t)16 << 20)

struct handover_record {
	uint32_t dialect; /* see above */
	struct websocket_state state;
	struct slice in, out; /* borrowed */
};

#define HANDOVER_DIALECTS 3

/* Append it.  in.n + out.n <= HANDOVER_RECORD_MOST. */
void handover_record_write(struct buf *to, const struct handover_record *r);

enum handover_record_result {
	HANDOVER_RECORD_WHOLE, /* it has `*used` bytes */
	HANDOVER_RECORD_MORE,  /* not all of it is here */
	HANDOVER_RECORD_NEVER, /* this is no record */
};

/* Read the record at the front of `from`; `r` borrows from it. */
enum handover_record_result handover_record_read(
    struct handover_record *r, struct slice from, size_t *used);

#endif
