/* admission: what an accepted session begins with: its user and its initial values. */
#ifndef POLLUX_ADMISSION_H
#define POLLUX_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/base/slice.h"

struct application;

struct admission {
	char *user, *data, *reason; /* owned; NULL: none.  The reason is that of a refusal */
};

/* Set user and data (copied; NULL: none).  `data` is a JSON object text whose keys become those of
 * values.  0; -EINVAL: an invalid name, or not such an object (nothing changes); or -ENOMEM. */
int admission_grant(struct admission *a, const char *user, const char *data);

/* Would admission_grant() take them?  p NULL: none. */
bool admission_is_valid(struct slice user, struct slice data);

/* Give them to a session, in the open transaction.  0 or -1: the store failed. */
int admission_apply(struct application *app, int64_t session, const struct admission *a);

void admission_free(struct admission *a);

#endif
