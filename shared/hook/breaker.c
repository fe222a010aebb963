#include "shared/hook/breaker.h"

bool
breaker_allows(const struct breaker *b, size_t inflight, int64_t now)
{
	switch (b->state) {
	case BREAKER_CLOSED:
		return true;
	case BREAKER_OPEN:
		return inflight == 0 && b->probe_at <= now;
	case BREAKER_PROBING:
		break;
	}
	return inflight == 0;
}

void
breaker_sent(struct breaker *b)
{
	if (b->state == BREAKER_OPEN)
		b->state = BREAKER_PROBING;
}

void
breaker_cancelled(struct breaker *b)
{
	if (b->state == BREAKER_PROBING)
		b->state = BREAKER_OPEN;
}

bool
breaker_failed(struct breaker *b, int64_t now)
{
	bool was_closed = b->state == BREAKER_CLOSED;

	b->failures++;
	if (b->failures < BREAKER_FAILURES)
		return false;
	b->state = BREAKER_OPEN;
	b->probe_at = now + BREAKER_MS;
	return was_closed;
}

bool
breaker_reached(struct breaker *b)
{
	bool was_closed = b->state == BREAKER_CLOSED;

	b->failures = 0;
	b->state = BREAKER_CLOSED;
	return !was_closed;
}
