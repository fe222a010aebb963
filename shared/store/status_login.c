#include "shared/store/status_login.h"

#include "shared/store/internal.h"

#define LOGINS_MAX INT64_C(1000)

char *
status_login_find(struct store *st, struct slice name, int64_t now_ms)
{
	return statement_text(st, statement_bind(st, Q_STATUS_LOGIN_FIND, "sl", name, now_ms));
}

int
status_login_put(
    struct store *st, struct slice name, struct slice value, int64_t now_ms, int64_t until_ms)
{
	if (statement_exec(st, Q_STATUS_LOGIN_PUT, "ssl", name, value, until_ms) == -1)
		return -1;
	return statement_exec(st, Q_STATUS_LOGIN_TRIM, "ll", LOGINS_MAX, now_ms);
}
