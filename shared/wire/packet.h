/* packet: one Socket.IO 1 packet (PROTOCOL section 5).  Pure; only the writers allocate, in the
 * caller's buf.  Several packets in one body: payload.h.
 *
 *	5:1+:/chat:{"name":"hi","args":[]}      type, id, endpoint, data */
#ifndef POLLUX_PACKET_H
#define POLLUX_PACKET_H

#include <stdbool.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

enum packet_type {
	PACKET_DISCONNECT = 0,
	PACKET_CONNECT = 1,
	PACKET_HEARTBEAT = 2,
	PACKET_MESSAGE = 3,
	PACKET_JSON = 4,
	PACKET_EVENT = 5,
	PACKET_ACK = 6,
	PACKET_ERROR = 7,
	PACKET_NOOP = 8,
};

/* Longest id and endpoint that are read, in bytes (PROTOCOL 5.3). */
#define PACKET_ID_MAX       20
#define PACKET_ENDPOINT_MAX 255

struct packet {
	enum packet_type type;
	struct slice id;       /* digits, echoed verbatim; empty: no ack requested */
	bool ack_data;         /* '+' seen: the application acknowledges, not the server */
	struct slice endpoint; /* empty: the default namespace */
	struct slice data;     /* p is NULL when there was no third colon */
};

/* Read one whole packet by the anchored grammar of PROTOCOL 5.3; short forms like "2" are accepted.
 * On success the slices of `pk` point into `in`.
 * Return 0, or -1 when `in` is not a packet (then `pk` is undefined). */
int packet_parse(struct packet *pk, struct slice in);

/* Append `pk` as the reference writes it (PROTOCOL 5.2): the third colon only with data. */
void packet_write(struct buf *out, const struct packet *pk);

/* The data of an event packet. */
struct event {
	struct slice name; /* decoded UTF-8, in the scratch buffer or in the data */
	struct slice args; /* a JSON array text, byte for byte the client's where it sent an array;
	                    * otherwise in the scratch buffer */
};

/* Read {"name":...,"args":...} in any order, extra members ignored, the last duplicate wins; args
 * that are not an array become one argument; null, false and 0 mean none (PROTOCOL 5.5).
 * `scratch` is the caller's, is cleared first, and must outlive the slices of `ev`.
 * Return 0, or -1 when the event must be ignored: bad JSON, or a name that is not a string. */
int packet_event(struct event *ev, struct slice data, struct buf *scratch);

/* Append the data of an event packet: {"name":"..","args":[..]}, without args when the array is
 * empty (PROTOCOL 5.2).  `name` is UTF-8 text, `args` the text of a JSON array, which is passed
 * through json_write_safe(). */
void packet_event_write(struct buf *out, struct slice name, struct slice args);

/* The data of an ack packet: 12+["woot"]. */
struct ack {
	struct slice id;   /* digits */
	struct slice args; /* a JSON array text; "[]" for none and for anything else */
};

/* Read the data of an ack packet.  Return 0, or -1 when there is no id (PROTOCOL 5.5). */
int packet_ack(struct ack *ack, struct slice data);

/* Append the data of an ack packet (PROTOCOL 5.2); for "[]" or an empty slice the id alone. */
void packet_ack_write(struct buf *out, struct slice id, struct slice args);

#endif
