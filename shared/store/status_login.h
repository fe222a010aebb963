/* status_login: who is logged in at the status page, and the one-time texts by which its pages open
 * their sessions, for all processes.  The caller says what a name and a value are.
 *
 * Writers need an open transaction; after one has failed the caller rolls back. */
#ifndef POLLUX_STATUS_LOGIN_H
#define POLLUX_STATUS_LOGIN_H

#include <stdint.h>

#include "shared/base/slice.h"
#include "shared/store/store.h"

/* The value of a name, malloc'ed, or NULL: there is none, or it is past its time. */
char *status_login_find(struct store *st, struct slice name, int64_t now_ms);

/* Set it.  Those past their time are forgotten, and the oldest beyond a thousand.  Return 0, or -1
 * after logging why. */
int status_login_put(
    struct store *st, struct slice name, struct slice value, int64_t now_ms, int64_t until_ms);

#endif
