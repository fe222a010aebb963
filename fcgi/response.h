/* response: an answer as FastCGI records, whose content begins with a CGI header, as in
 * "Status: 200 OK".  Pure. */
#ifndef POLLUX_FCGI_RESPONSE_H
#define POLLUX_FCGI_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/buf.h"
#include "shared/transport/exchange.h"

/* Append the head and the body of `r`; without `with_length` more of the body may follow, by
 * records_add_stdout().  Sets out->failed when out of memory. */
void response_add(struct buf *out, uint16_t request_id, const struct response *r, bool with_length);

#endif
