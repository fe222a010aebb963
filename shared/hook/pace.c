#include "shared/hook/pace.h"

#include <string.h>

#define DECAY 8 /* requests, about, until a slow one is forgotten */

/* The end of a string literal's inside, or of the text. */
static size_t
literal_end(struct slice text, size_t from)
{
	size_t i = from;

	while (i < text.n && text.p[i] != '"')
		i += text.p[i] == '\\' ? 2 : 1;
	return i < text.n ? i : text.n;
}

uint8_t
pace_kind(struct slice members)
{
	/* as event.c writes them: "type":"event","name":"say",.. */
	const char *comma = members.n == 0 ? NULL : memchr(members.p, ',', members.n);
	size_t n = comma == NULL ? members.n : (size_t)(comma - members.p);
	uint32_t hash = 2166136261; /* FNV-1a */

	if (slice_starts(slice_skip(members, n), SLICE(",\"name\":\"")))
		n = literal_end(members, n + 9);
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)members.p[i]) * 16777619;
	return (uint8_t)(hash % PACE_KINDS);
}

int64_t
pace_room(int64_t timeout_ms)
{
	return timeout_ms * 1000 / 4;
}

int64_t
pace_estimate(const struct pace *p, uint8_t kind, int64_t timeout_ms)
{
	int64_t measured = p->event_us[kind];

	return measured > 0 ? measured : pace_room(timeout_ms) / PACE_FIRST;
}

void
pace_measure(struct pace *p, uint8_t kind, size_t n, int64_t elapsed_ms)
{
	/* a clock that counts whole milliseconds: less than one is not nothing */
	int64_t event_us = elapsed_ms * 1000 / (int64_t)n + 1, *known = &p->event_us[kind];

	/* slower at once, faster by and by: a batch too large costs more than one too small; but
	 * what was measured first is better than a guess */
	if (*known == 0 || event_us > *known)
		*known = event_us;
	else
		*known -= (*known - event_us) / DECAY;
}
