#include "shared/store/waiters.h"

#include "shared/store/slots_table.h"

/* A client is kept in one of so many entries, which its hash selects. */
#define WAYS 8

/* How much earlier than expected an attempt may come, and how much later beside an eighth of its
 * time.  Not more: whoever comes at any other time than a waiting client is answered in full, and
 * must not be taken for one. */
#define EARLY_MS 50
#define LATE_MS  150

/* An attempt that has not come for so long will not. */
#define GONE_MS (4 * WAITERS_LAST_MS)

/* --- the table ------------------------------------------------------------------------------ */

static bool
waiter_is_gone(const struct slot_waiter *w, int64_t now_ms)
{
	/* in the future: of an earlier boot */
	return w->client == 0 || w->at_ms > now_ms || now_ms - w->at_ms > GONE_MS;
}

/* The entry of the client, or the one to replace: `*known` tells. */
static struct slot_waiter *
find_waiter(struct slots *sl, int64_t client, int64_t now_ms, bool *known)
{
	struct slot_waiter *set =
	    &sl->table->waiters[(uint64_t)client % (WAITERS_MAX / WAYS) * WAYS];
	struct slot_waiter *oldest = set;

	for (int i = 0; i < WAYS; i++) {
		bool is_gone = waiter_is_gone(&set[i], now_ms);

		if (set[i].client == client && !is_gone) {
			*known = true;
			return &set[i];
		}
		if (is_gone || (!waiter_is_gone(oldest, now_ms) && set[i].at_ms < oldest->at_ms))
			oldest = &set[i];
	}
	*known = false;
	return oldest;
}

/* --- what a client does --------------------------------------------------------------------- */

static bool
comes_after(int64_t gap_ms, int64_t expected_ms)
{
	return gap_ms >= expected_ms - EARLY_MS &&
	       gap_ms <= expected_ms + LATE_MS + expected_ms / 8;
}

bool
waiters_is_due(struct slots *sl, int64_t client, int64_t now_ms)
{
	bool known;
	struct slot_waiter *w = find_waiter(sl, client, now_ms, &known);
	int64_t gap = now_ms - w->at_ms, next = w->next_ms;

	if (!known)
		return false;
	/* a page may have set another first delay than the client's default: it is what we saw
	 * after the attempt before */
	if (!comes_after(gap, next) &&
	    !(next == WAITERS_FIRST_MS && w->seen_ms != 0 && comes_after(gap, w->seen_ms))) {
		w->seen_ms = (int)gap;
		return false;
	}
	if (next == WAITERS_FIRST_MS && !comes_after(gap, next))
		next = w->seen_ms;
	else if (next == WAITERS_FIRST_MS)
		w->seen_ms = 0;
	if (next >= WAITERS_LAST_MS)
		return false;
	w->at_ms = now_ms;
	w->next_ms = (int)(2 * next);
	return true;
}

enum waiters_answer
waiters_answer(struct slots *sl, int64_t client, int64_t sid, int64_t now_ms)
{
	bool known;
	struct slot_waiter *w = find_waiter(sl, client, now_ms, &known);
	enum waiters_answer say = WAITERS_CONNECT;

	if (!known)
		say = WAITERS_SAY_AGAIN;
	else if (w->sid == sid && w->said != WAITERS_SAY_AGAIN)
		say = WAITERS_FAIL;
	/* from the first error on it waits, however often it polls */
	if (say != WAITERS_FAIL || w->said != WAITERS_FAIL) {
		w->at_ms = now_ms;
		w->next_ms = WAITERS_FIRST_MS;
	}
	if (!known) {
		w->client = client;
		w->seen_ms = 0;
	}
	w->sid = sid;
	w->said = (int)say;
	return say;
}

void
waiters_remove(struct slots *sl, int64_t client, int64_t now_ms)
{
	bool known;
	struct slot_waiter *w = find_waiter(sl, client, now_ms, &known);

	if (known)
		w->client = 0;
}

unsigned
waiters_count(const struct slots *sl, int64_t now_ms)
{
	unsigned n = 0;

	for (int i = 0; i < WAITERS_MAX; i++) {
		const struct slot_waiter *w = &sl->table->waiters[i];

		if (!waiter_is_gone(w, now_ms) && now_ms - w->at_ms <= w->next_ms + 2000)
			n++;
	}
	return n;
}
