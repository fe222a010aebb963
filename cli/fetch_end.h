/* fetch_end: how a request of fetch.h ends: its state, its time, and why, in words. */
#ifndef POLLUX_FETCH_END_H
#define POLLUX_FETCH_END_H

#include "cli/fetch.h"

/* Close the connection, if there is one; nothing else changes. */
void fetch_end_close(struct fetch *f);

/* End it in this state, one from FETCH_DONE on, and close the connection; the text is `why`. */
void fetch_end(struct fetch *f, enum fetch_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The other end has closed the connection; `error` is an errno, or 0: in order. */
void fetch_end_cut(struct fetch *f, int error);

/* Its time, or that of all requests, is over. */
void fetch_end_late(struct fetch *f);

#endif
