/* publish_path: requests below /pollux/: the publishing interface (publish_request.h) and the
 * status page (status.h). */
#ifndef POLLUX_PUBLISH_PATH_H
#define POLLUX_PUBLISH_PATH_H

#include <stdbool.h>

struct exchange;
struct server;

/* Is it a request that may change something, and so needs the store? */
bool publish_path_writes(const struct server *sv, const struct exchange *x);

/* Answer the request.  Return false when it is for something else. */
bool publish_path_handle(struct server *sv, struct exchange *x);

#endif
