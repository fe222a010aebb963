/* password: the file with the password for Redis. */
#ifndef POLLUX_LINKD_PASSWORD_H
#define POLLUX_LINKD_PASSWORD_H

#include "shared/base/config.h"
#include "shared/base/redis_url.h"

/* Read [cluster] redis and, if there is one, password_file.  Return 0, or EX_CONFIG after logging
 * why. */
int password_read(const struct config *cfg, struct redis_url *url);

#endif
