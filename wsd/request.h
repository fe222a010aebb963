/* request: one HTTP request as it arrives, read by http-parser.  Bytes in, answer out: no socket,
 * no clock.  Everything a client can choose is bounded before it is stored. */
#ifndef POLLUX_WSD_REQUEST_H
#define POLLUX_WSD_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <http_parser.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

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
	bool in_value;       /* what was read last: a value, not a name */
	bool line_seen;      /* the end of the first line was read ... */
	bool bare_lf;        /* ... and was a line feed alone */
	char last;           /* what was read last, until then */
	bool head_done;      /* the empty line was read */
	bool done;           /* and all of the body that will be */
	bool keep;           /* the client will reuse the connection */
	bool body_too_large; /* and was left unread */
	int status;          /* WSD_REQUEST_BAD: the answer ... */
	const char *why;     /* ... and its sentence; static */
};

enum wsd_request_result {
	WSD_REQUEST_MORE,  /* not complete, all of the input is used */
	WSD_REQUEST_WHOLE, /* complete; what follows is the next request, or another protocol */
	WSD_REQUEST_BAD,   /* it never will be: `status` and `why` */
};

/* An empty request, or NULL. */
struct wsd_request *wsd_request_new(size_t header_bytes, size_t body_bytes);
void wsd_request_free(struct wsd_request *r);

/* Read more of it; `*used` is how much. */
enum wsd_request_result wsd_request_feed(struct wsd_request *r, struct slice in, size_t *used);

/* Of a request whose head is done; borrowed from it. */
struct slice wsd_request_target(const struct wsd_request *r);
const char *wsd_request_method(const struct wsd_request *r);

/* The first header of this name, which is in lower case; empty if absent. */
struct slice wsd_request_header(const struct wsd_request *r, const char *name);

/* The header number `i`.  Return false behind the last. */
bool wsd_request_field(
    const struct wsd_request *r, unsigned i, struct slice *name, struct slice *value);

/* Is `token` one of a list with commas, in any case?  "keep-alive, Upgrade" has "upgrade". */
bool wsd_request_list_has(struct slice list, const char *token);

/* Does it want to become a websocket? */
bool wsd_request_upgrades(const struct wsd_request *r);

#endif
