/* records: the FastCGI records that libfcgi does not handle for us: to see whether a request has
 * arrived whole, and to answer a request whose FCGX_Request was freed long ago.  Pure.
 *
 *	version 1 | type | request id (2) | content length (2) | padding length | 0 |
 *	content | padding */
#ifndef POLLUX_FCGI_RECORDS_H
#define POLLUX_FCGI_RECORDS_H

#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/base/slice.h"

enum records {
	RECORDS_MORE,    /* the request goes on */
	RECORDS_WHOLE,   /* it ends in these bytes */
	RECORDS_GARBAGE, /* not FastCGI */
	RECORDS_ABORT,   /* the web server aborts its request */
};

/* Look at the bytes that wait on a connection, from the first record of a request on. */
enum records records_scan(struct slice bytes);

/* Append `content` as STDOUT records. */
void records_add_stdout(struct buf *out, uint16_t request_id, struct slice content);

/* Append the end of the answer. */
void records_add_end(struct buf *out, uint16_t request_id);

#endif
