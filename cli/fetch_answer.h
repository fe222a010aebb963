/* fetch_answer: what comes back on a request of fetch.h: its headers and its body are kept, and its
 * end is seen. */
#ifndef POLLUX_FETCH_ANSWER_H
#define POLLUX_FETCH_ANSWER_H

#include "cli/fetch.h"

/* Bytes have come; n 0: the other end has closed the connection, with an errno, or 0: in order.
 * It may end the request. */
void fetch_answer_take(struct fetch *f, const char *p, size_t n, int error);

#endif
