#include "shared/store/link_figures.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/store/slots.h"
#include "shared/wire/json.h"

/* --- the link ------------------------------------------------------------------------------- */

enum link_state
link_figures_state(const struct slots *sl)
{
	int64_t beat = slots_link_beat(sl);

	if (!slots_link_runs(sl))
		return LINK_STATE_ABSENT;
	if (!slots_link_is_up(sl))
		return LINK_STATE_DOWN;
	if (slots_link_number(sl) < 0)
		return LINK_STATE_ALONE;
	/* pollux-linkd or Redis stands still, and nobody counts what waits */
	if (beat != 0 && clock_ms() - beat > LINK_BEHIND_MS)
		return LINK_STATE_BEHIND;
	if (slots_link_counter(sl, LINK_GAUGE_LAG_MS) > LINK_BEHIND_MS ||
	    slots_link_counter(sl, LINK_GAUGE_BEHIND_MS) > LINK_BEHIND_MS)
		return LINK_STATE_BEHIND;
	return LINK_STATE_UP;
}

const char *
link_figures_state_name(enum link_state state)
{
	switch (state) {
	case LINK_STATE_UP:
		return "up";
	case LINK_STATE_BEHIND:
		return "behind";
	case LINK_STATE_ALONE:
		return "alone";
	case LINK_STATE_DOWN:
		return "down";
	case LINK_STATE_ABSENT:
		break;
	}
	return "absent";
}

/* --- counting ------------------------------------------------------------------------------- */

static struct link_rates
sum_rates(const struct slots *sl, int64_t now_ms)
{
	struct link_rates sum = {.at_ms = now_ms};
	struct slot_info info;

	for (int i = 0; i < slots_high(sl); i++)
		if (slots_info(sl, i, &info)) {
			sum.received += info.received;
			sum.sent += info.sent;
		}
	return sum;
}

static int64_t
rate_of(uint64_t now, uint64_t last, int64_t ms)
{
	/* less than before: a process has ended, and its counters with it */
	return ms <= 0 || now < last ? 0 : (int64_t)((now - last) * 1000 / (uint64_t)ms);
}

struct link_figures
link_figures_count(const struct slots *sl, struct link_rates *last, int64_t now_ms)
{
	struct link_rates now = sum_rates(sl, now_ms);
	int64_t ms = last->at_ms == 0 ? 0 : now_ms - last->at_ms;
	struct link_figures f = {
	    .sessions = slots_sessions(sl),
	    .received = rate_of(now.received, last->received, ms),
	    .sent = rate_of(now.sent, last->sent, ms),
	    .queued = (int64_t)slots_link_counter(sl, LINK_GAUGE_QUEUED),
	    .queued_bytes = (int64_t)slots_link_counter(sl, LINK_GAUGE_QUEUED_BYTES),
	    .lag_ms = (int64_t)slots_link_counter(sl, LINK_GAUGE_LAG_MS),
	    .behind_ms = (int64_t)slots_link_counter(sl, LINK_GAUGE_BEHIND_MS),
	};

	*last = now;
	return f;
}

/* --- as JSON -------------------------------------------------------------------------------- */

/* The names are part of what nodes of different versions tell one another. */
static const struct {
	const char *name;
	size_t offset;
} members[] = {
    {"sessions", offsetof(struct link_figures, sessions)},
    {"received", offsetof(struct link_figures, received)},
    {"sent", offsetof(struct link_figures, sent)},
    {"queued", offsetof(struct link_figures, queued)},
    {"queued_bytes", offsetof(struct link_figures, queued_bytes)},
    {"lag_ms", offsetof(struct link_figures, lag_ms)},
    {"behind_ms", offsetof(struct link_figures, behind_ms)},
};

#define MEMBERS (sizeof(members) / sizeof(members[0]))

void
link_figures_write(struct buf *out, const struct link_figures *f)
{
	int64_t value;

	for (size_t i = 0; i < MEMBERS; i++) {
		memcpy(&value, (const char *)f + members[i].offset, sizeof(value));
		buf_printf(out, "%s\"%s\":%" PRId64, i == 0 ? "{" : ",", members[i].name, value);
	}
	buf_add_char(out, '}');
}

static void
read_member(struct link_figures *f, struct slice key, const struct json_value *value)
{
	char digits[20]; /* no number of ours is longer; strtoll() needs a NUL after it */
	int64_t n;

	if (value->kind != JSON_KIND_NUMBER || value->text.n >= sizeof(digits))
		return;
	memcpy(digits, value->text.p, value->text.n);
	digits[value->text.n] = '\0';
	n = strtoll(digits, NULL, 10);
	for (size_t i = 0; i < MEMBERS; i++)
		if (json_string_is(key, members[i].name))
			memcpy((char *)f + members[i].offset, &n, sizeof(n));
}

struct link_figures
link_figures_read(struct slice json)
{
	struct link_figures f = {.sessions = 0};
	struct json_value all, value;
	struct json_walk walk;
	struct slice key;

	if (json_parse(&all, json) == -1 || all.kind != JSON_KIND_OBJECT)
		return f;
	json_walk_begin(&walk, &all);
	while (json_walk_member(&walk, &key, &value))
		read_member(&f, key, &value);
	return f;
}
