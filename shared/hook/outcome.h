/* outcome: what the end of a request means for its events (docs/hook.md, section 5). */
#ifndef POLLUX_HOOK_OUTCOME_H
#define POLLUX_HOOK_OUTCOME_H

#include "shared/hook/lanes.h"

enum outcome_kind {
	OUTCOME_DONE,    /* delivered */
	OUTCOME_REFUSED, /* another attempt would not change that */
	OUTCOME_LATER,   /* the hook was not reached, or is busy: the same request again */
	OUTCOME_FAILED,  /* any of the events may be the cause: each again alone */
};

struct outcome {
	enum outcome_kind kind;
	bool reached;   /* the hook was; what the breaker counts */
	bool is_answer; /* there was an answer, or none in time: what the pace is measured by */
	bool counts;    /* FAILED: an event that was alone has caused it */
	char error[HOOK_ERROR_MAX];
};

/* Judge a result.  Pure. */
void outcome_judge(struct outcome *o, const struct hook_result *result);

/* Do what the outcome means: the reply's actions, and the rows of the batch, in the open
 * transaction. */
void outcome_settle(struct batch *b, const struct outcome *o, const struct hook_result *result);

/* Milliseconds until attempt number `attempts` + 1: 1, 2, 4 .. 60 s, a quarter more or less by
 * `random`; or what the hook asks for (-1: nothing), an hour at most. */
int64_t outcome_retry_delay(int attempts, int64_t retry_after_s, unsigned random);

#endif
