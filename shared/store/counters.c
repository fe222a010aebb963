#include "shared/store/counters.h"

#include <stdbool.h>
#include <string.h>

#include "shared/store/slots_table.h"

#define ARRAY_N(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* --- names ---------------------------------------------------------------------------------- */

/* As pollux-app(3) has them; the last one is for what an application says itself. */
static const char *const reason_labels[COUNTERS_REASONS] = {"reason=\"booted\"",
    "reason=\"socket end\"", "reason=\"socket error\"", "reason=\"send timeout\"",
    "reason=\"heartbeat timeout\"", "reason=\"close timeout\"", "reason=\"no place\"",
    "reason=\"queue overflow\"", "reason=\"bad packets\"", "reason=\"server shutdown\"",
    "reason=\"node lost\"", "reason=\"token expired\"", "reason=\"other\""};

/* The names are route_transport_name()'s; its order is enum transport_id. */
#define BY_TRANSPORT(before)                                                                       \
	NULL, before "transport=\"websocket\"", before "transport=\"flashsocket\"",                \
	    before "transport=\"htmlfile\"", before "transport=\"xhr-polling\"",                   \
	    before "transport=\"jsonp-polling\"", before "transport=\"xhr-multipart\""

static const char *const directions[2 * TRANSPORT_COUNT] = {
    BY_TRANSPORT("direction=\"in\","), BY_TRANSPORT("direction=\"out\",")};
static const char *const transports[TRANSPORT_COUNT] = {BY_TRANSPORT("")};

static const char *const refusals[] = {"reason=\"unauthorized\"", "reason=\"error\"",
    "reason=\"origin\"", "reason=\"sessions\"", "reason=\"sessions per address\"",
    "reason=\"connections\"", "reason=\"place\"", "reason=\"busy\"", "reason=\"stopping\"",
    "reason=\"too large\"", "reason=\"namespace\"", "reason=\"quota\"", "reason=\"key\"",
    "reason=\"rate\""};

static const char *const failures[] = {"kind=\"connect\"", "kind=\"broken\"", "kind=\"timeout\"",
    "kind=\"4xx\"", "kind=\"5xx\"", "kind=\"status\"", "kind=\"bad reply\"", "kind=\"result\""};

static const char *const fates[] = {"fate=\"handled\"", "fate=\"dropped\"", "fate=\"dead\""};

static const char *const relay_fates[] = {"fate=\"relayed\"", "fate=\"dropped\""};

static const struct counter_family families[] = {
    {"traffic_packets_total", "Packets of and to clients.", COUNT_PACKETS_IN, ARRAY_N(directions),
	false, directions},
    {"traffic_bytes_total", "Bytes of those packets, without their framing.", COUNT_BYTES_IN,
	ARRAY_N(directions), false, directions},
    {"handshakes_total", "Sessions that were made.", COUNT_HANDSHAKES, 1, false, NULL},
    {"connects_total", "Sessions whose first transport has opened.", COUNT_CONNECTED,
	ARRAY_N(transports), false, transports},
    {"disconnects_total", "Sessions that have ended after they were connected.", COUNT_DISCONNECTED,
	ARRAY_N(reason_labels), false, reason_labels},
    {"refusals_total", "Requests and calls that were refused.", COUNT_REFUSED_UNAUTHORIZED,
	ARRAY_N(refusals), false, refusals},
    {"hook_failures_total", "Requests to the web hook, or events of one, that failed.",
	COUNT_HOOK_CONNECT, ARRAY_N(failures), false, failures},
    {"hook_events_total", "Events for the web hook that are done with.", COUNT_EVENTS_HANDLED,
	ARRAY_N(fates), false, fates},
    {"relay_events_total", "Events from client to clients.", COUNT_RELAYED, ARRAY_N(relay_fates),
	false, relay_fates},
    {"store_lock_waits_total", "Times that the writer's lock was not free.", COUNT_LOCK_WAITS, 1,
	false, NULL},
    {"store_lock_wait_seconds_total", "How long it was waited for.", COUNT_LOCK_WAITED_US, 1, true,
	NULL},
    {"store_commits_total", "Transactions that were committed.", COUNT_COMMITS, 1, false, NULL},
    {"store_rollbacks_total", "Turns that were rolled back: their requests were answered 503.",
	COUNT_ROLLBACKS, 1, false, NULL},
};

static const struct counter_histogram histograms[] = {
    {"hook_request_seconds", "How long requests to the web hook took.", 2,
	{{"kind=\"events\"", COUNT_HOOK_EVENTS_TOOK},
	    {"kind=\"authorize\"", COUNT_HOOK_AUTHORIZE_TOOK}}},
};

static const struct {
	int64_t us;
	const char *text;
} steps[COUNTERS_STEPS] = {
    {5000, "0.005"},
    {10000, "0.01"},
    {25000, "0.025"},
    {50000, "0.05"},
    {100000, "0.1"},
    {250000, "0.25"},
    {500000, "0.5"},
    {1000000, "1"},
    {2500000, "2.5"},
    {5000000, "5"},
    {10000000, "10"},
    {30000000, "30"},
    {INT64_MAX, "+Inf"},
};

const struct counter_family *
counters_families(int *n)
{
	*n = ARRAY_N(families);
	return families;
}

const struct counter_histogram *
counters_histograms(int *n)
{
	*n = ARRAY_N(histograms);
	return histograms;
}

const char *
counters_step(int i)
{
	return steps[i].text;
}

/* --- counting ------------------------------------------------------------------------------- */

void
counters_add(struct slots *sl, enum counter counter, uint64_t n)
{
	struct slot_counters *own = &sl->table->counters[sl->own % SLOT_COUNTERS];

	atomic_fetch_add_explicit(&own->n[counter], n, memory_order_relaxed);
}

void
counters_settle(struct slots *sl, enum counter counter, struct counters_run *run)
{
	if (run->packets > 0 && run->transport > TRANSPORT_NONE &&
	    run->transport < TRANSPORT_COUNT) {
		counters_add(sl, (enum counter)((int)counter + run->transport), run->packets);
		counters_add(sl,
		    (enum counter)(
			(int)counter + COUNT_BYTES_IN - COUNT_PACKETS_IN + run->transport),
		    run->bytes);
	}
	run->packets = run->bytes = 0;
}

/* Whether a label has this value. */
static bool
label_is(const char *label, const char *value)
{
	size_t n = strlen(value);

	label = strchr(label, '"') + 1;
	return strncmp(label, value, n) == 0 && label[n] == '"';
}

void
counters_disconnect(struct slots *sl, const char *reason)
{
	int i = 0;

	while (i < COUNTERS_REASONS - 1 && !label_is(reason_labels[i], reason))
		i++;
	counters_add(sl, (enum counter)(COUNT_DISCONNECTED + i), 1);
}

void
counters_took(struct slots *sl, enum counter counter, int64_t us)
{
	int i = 0;

	if (us < 0)
		us = 0;
	while (us > steps[i].us)
		i++;
	counters_add(sl, (enum counter)((int)counter + i), 1);
	counters_add(sl, (enum counter)((int)counter + COUNTERS_STEPS), (uint64_t)us);
}

/* --- reading -------------------------------------------------------------------------------- */

void
counters_read(const struct slots *sl, struct counters *all)
{
	memset(all, 0, sizeof(*all));
	for (int i = 0; i < SLOT_COUNTERS; i++)
		for (int k = 0; k < COUNTERS; k++)
			all->n[k] += atomic_load_explicit(
			    &sl->table->counters[i].n[k], memory_order_relaxed);
}

uint64_t
counters_sum(const struct counters *all, const char *family)
{
	uint64_t sum = 0;

	for (int i = 0; i < ARRAY_N(families); i++)
		for (int k = 0; k < families[i].n && strcmp(families[i].name, family) == 0; k++)
			sum += all->n[(int)families[i].first + k];
	return sum;
}

uint64_t
counters_sum_took(const struct counters *all, const char *histogram)
{
	uint64_t sum = 0;

	for (int i = 0; i < ARRAY_N(histograms); i++)
		for (int k = 0; k < histograms[i].n && strcmp(histograms[i].name, histogram) == 0;
		     k++)
			for (int step = 0; step < COUNTERS_STEPS; step++)
				sum += all->n[(int)histograms[i].parts[k].first + step];
	return sum;
}
