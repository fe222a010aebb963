#include "shared/hook/count.h"

#include "shared/hook/http.h"
#include "shared/hook/internal.h"

void
hook_count(struct hook *hook, enum counter counter, uint64_t n)
{
	counters_add(store_slots(hub_store(hook->base.hub)), counter, n);
}

void
hook_count_took(struct hook *hook, enum counter histogram, const struct hook_result *result)
{
	counters_took(store_slots(hub_store(hook->base.hub)), histogram, result->took_ms * 1000);
}

/* The kind of a failure. */
static enum counter
failure_of(const struct hook_result *result)
{
	if (result->status == 0)
		return result->unsent      ? COUNT_HOOK_CONNECT
		       : result->timed_out ? COUNT_HOOK_TIMEOUT
		                           : COUNT_HOOK_BROKEN;
	switch (result->status / 100) {
	case 2:
		return COUNT_HOOK_BAD_REPLY;
	case 4:
		return COUNT_HOOK_4XX;
	case 5:
		return COUNT_HOOK_5XX;
	default:
		return COUNT_HOOK_STATUS;
	}
}

void
hook_count_failure(struct hook *hook, const struct hook_result *result)
{
	hook_count(hook, failure_of(result), 1);
}
