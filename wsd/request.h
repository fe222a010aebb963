/* request: one HTTP request as it arrives, read by http-parser.  Pure: no socket, no clock.  All
 * that a client can choose is bounded before it is stored. */
#ifndef POLLUX_WSD_REQUEST_H
#define POLLUX_WSD_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <http_parser.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"
#include "wsd/chunks.h"
#include "wsd/head.h"

#define WSD_REQUEST_FIELDS 96 /* header lines; browsers send 10 to 20 */

struct wsd_request {
	http_parser parser;
	struct buf text; /* target, then names in lower case and values, run together */
	struct buf body;
	size_t body_max;
	size_t target_n;
	struct wsd_request_field {
		uint32_t at, name_n, value_n;
	} fields[WSD_REQUEST_FIELDS];
	unsigned fields_n;
	bool in_value;        /* the last bytes of a header were of its value, not its name */
	struct head head;     /* its line ends */
	struct chunks chunks; /* of the body */
	bool head_done;       /* the empty line was read */
	bool done;            /* the body was read, or the rest of it is dropped */
	bool keep;            /* the client wants to reuse the connection */
	bool body_too_large;  /* it was dropped */
	int status;           /* WSD_REQUEST_BAD: of the answer ... */
	const char *why;      /* ... and its sentence; static */
};

enum wsd_request_result {
	WSD_REQUEST_MORE,  /* incomplete; all of the input is used */
	WSD_REQUEST_WHOLE, /* complete; what follows is the next request, or another protocol */
	WSD_REQUEST_BAD,   /* cannot become a request: `status` and `why` are set */
};

/* An empty request with limits on its head and its body, in bytes.  NULL: out of memory. */
struct wsd_request *wsd_request_new(size_t header_bytes, size_t body_bytes);
void wsd_request_free(struct wsd_request *r);

/* Read more of it; `*used` is the number of bytes that belong to it. */
enum wsd_request_result wsd_request_feed(struct wsd_request *r, struct slice in, size_t *used);

/* Of a request whose head is done; borrowed from it. */
struct slice wsd_request_target(const struct wsd_request *r);
const char *wsd_request_method(const struct wsd_request *r);

/* The first header of this name, which is in lower case; empty if absent. */
struct slice wsd_request_header(const struct wsd_request *r, const char *name);

/* Header number `i`, from 0.  Return false after the last. */
bool wsd_request_field(
    const struct wsd_request *r, unsigned i, struct slice *name, struct slice *value);

/* Return whether the list, with commas, has this token, in any case: "keep-alive, Upgrade" has
 * "upgrade". */
bool wsd_request_list_has(struct slice list, const char *token);

/* Return whether it asks to become a websocket. */
bool wsd_request_upgrades(const struct wsd_request *r);

#endif
