/* users: who owns a process or a folder of this machine, for `pollux doctor`. */
#ifndef POLLUX_USERS_H
#define POLLUX_USERS_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#define USERS_UNKNOWN ((uid_t)-1)

/* The name of a user, or "user 1000" if it has none.  Return `text`. */
const char *users_name(uid_t uid, char text[64]);

/* Whose the process is; `pid` in digits.  USERS_UNKNOWN: there is none. */
uid_t users_of_process(const char *pid);

/* The user that web servers of this machine run as.  USERS_UNKNOWN: it cannot be seen. */
uid_t users_web(void);

/* Whether a user may write into a folder; the groups of others are not looked at. */
bool users_may_write(const struct stat *sb, uid_t uid);

#endif
