#include "shared/store/idempotency.h"

#include "shared/store/internal.h"

#define ANSWERS_MAX INT64_C(10000)

char *
idempotency_find(struct store *st, struct slice key, int64_t now_ms)
{
	return statement_text(st, statement_bind(st, Q_IDEMPOTENCY_FIND, "sl", key, now_ms));
}

int
idempotency_remember(
    struct store *st, struct slice key, struct slice answer, int64_t now_ms, int64_t until_ms)
{
	if (statement_exec(st, Q_IDEMPOTENCY_ADD, "ssl", key, answer, until_ms) == -1)
		return -1;
	/* here, so that the table never outgrows its limit between two rounds of maintenance */
	return statement_exec(st, Q_IDEMPOTENCY_TRIM, "ll", ANSWERS_MAX, now_ms);
}
