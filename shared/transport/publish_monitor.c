/* What the publishing interface says of the server itself: health, ready, metrics. */
#include <inttypes.h>

#include "shared/hub/drain.h"
#include "shared/hub/link.h"
#include "shared/store/link_figures.h"
#include "shared/store/listing.h"
#include "shared/store/places.h"
#include "shared/store/slots.h"
#include "shared/store/waiters.h"
#include "shared/transport/internal.h"
#include "shared/transport/publish_request.h"

/* --- health and ready ----------------------------------------------------------------------- */

void
publish_monitor_health(const struct publish_request *p)
{
	publish_answer_json(p, SLICE("{\"ok\":true}"));
}

static int64_t
link_counter(const struct slots *slots, enum slots_link_counter counter)
{
	return (int64_t)slots_link_counter(slots, counter);
}

/* Also without the link: a node alone serves its own sessions, and those that it hands out. */
static void
answer_ready_in_cluster(const struct publish_request *p)
{
	const struct slots *slots = store_slots(hub_store(p->sv->hub));
	enum link_state state = link_figures_state(slots);
	struct buf out = {.p = NULL};

	buf_printf(&out,
	    "{\"ready\":true,\"degraded\":%s,\"link\":\"%s\",\"peers\":%u,\"queued\":%" PRId64
	    ",\"lag_ms\":%" PRId64 ",\"behind_ms\":%" PRId64 "}",
	    state == LINK_STATE_UP ? "false" : "true", link_figures_state_name(state),
	    slots_link_peers(slots), link_counter(slots, LINK_GAUGE_QUEUED),
	    link_counter(slots, LINK_GAUGE_LAG_MS), link_counter(slots, LINK_GAUGE_BEHIND_MS));
	if (out.failed)
		publish_answer_busy(p);
	else
		publish_answer_json(p, buf_slice(&out));
	buf_free(&out);
}

void
publish_monitor_ready(const struct publish_request *p)
{
	if (p->sv->draining)
		publish_answer_error(p, 503, NULL, "draining", "this process is shutting down");
	else if (drain_is_on(p->sv->hub))
		publish_answer_unready(p, SLICE("{\"ready\":false,\"draining\":true}"));
	else if (link_is_on(p->sv->hub))
		answer_ready_in_cluster(p);
	else
		publish_answer_json(p, SLICE("{\"ready\":true}"));
}

/* --- metrics -------------------------------------------------------------------------------- */

static void
add_gauge(struct buf *out, const char *name, const char *help, int64_t value)
{
	buf_printf(out, "# HELP pollux_%s %s\n# TYPE pollux_%s gauge\npollux_%s %" PRId64 "\n",
	    name, help, name, name, value);
}

static void
add_totals(struct buf *out, const struct listing_totals *t)
{
	buf_puts(out, "# HELP pollux_sessions Open sessions.\n# TYPE pollux_sessions gauge\n");
	for (int i = TRANSPORT_NONE + 1; i < TRANSPORT_COUNT; i++)
		buf_printf(out, "pollux_sessions{transport=\"%s\"} %" PRId64 "\n",
		    route_transport_name((enum transport_id)i), t->by_transport[i]);
	add_gauge(out, "sessions_new", "Sessions that no transport has used yet.", t->fresh);
	add_gauge(out, "rooms", "Rooms with at least one member.", t->rooms);
	add_gauge(out, "memberships", "Sessions in rooms, once for each room.", t->memberships);
	add_gauge(out, "answers_awaited", "Answers that clients owe.", t->answers_awaited);
	add_gauge(out, "log_messages", "Messages in the log.", t->messages);
	add_gauge(out, "database_bytes", "Bytes of the database in use.", t->bytes);
	buf_printf(out,
	    "# HELP pollux_messages_total Messages that went through the log.\n"
	    "# TYPE pollux_messages_total counter\npollux_messages_total %" PRId64 "\n",
	    t->appended);
}

/* One sample per process.  When a new process takes a slot its counters restart at 0, as Prometheus
 * allows. */
static void
add_processes(struct buf *out, const struct slots *slots, const char *name, const char *help,
    uint64_t (*value)(const struct slot_info *info))
{
	struct slot_info info;

	buf_printf(out, "%s# TYPE pollux_%s %s\n", help, name,
	    strcmp(name, "held") == 0 ? "gauge" : "counter");
	for (int i = 0; i < slots_high(slots); i++)
		if (slots_info(slots, i, &info))
			buf_printf(out, "pollux_%s{slot=\"%d\",kind=\"%s\"} %" PRIu64 "\n", name, i,
			    server_kind_name(info.kind), value(&info));
}

static uint64_t
slot_held(const struct slot_info *info)
{
	return info->held;
}

static uint64_t
slot_received(const struct slot_info *info)
{
	return info->received;
}

static uint64_t
slot_sent(const struct slot_info *info)
{
	return info->sent;
}

static void
add_places(struct buf *out, const struct slots *slots, int64_t now_ms)
{
	struct places_figures of[PLACES_POOLS];

	for (int i = 0; i < PLACES_POOLS; i++)
		places_figures(slots, (enum places_pool)i, now_ms, &of[i]);
	buf_puts(out, "# HELP pollux_places_taken Sessions that have a place for a held request.\n"
		      "# TYPE pollux_places_taken gauge\n");
	for (int i = 0; i < PLACES_POOLS; i++)
		buf_printf(out, "pollux_places_taken{kind=\"%s\"} %zu\n",
		    places_pool_name((enum places_pool)i), of[i].taken);
	buf_puts(out, "# HELP pollux_places_limit How many may; 0: there is no limit.\n"
		      "# TYPE pollux_places_limit gauge\n");
	for (int i = 0; i < PLACES_POOLS; i++)
		buf_printf(out, "pollux_places_limit{kind=\"%s\"} %zu\n",
		    places_pool_name((enum places_pool)i), of[i].limit);
	buf_puts(out, "# HELP pollux_places_refused_total Requests that found no place.\n"
		      "# TYPE pollux_places_refused_total counter\n");
	for (int i = 0; i < PLACES_POOLS; i++)
		buf_printf(out, "pollux_places_refused_total{kind=\"%s\"} %" PRIu64 "\n",
		    places_pool_name((enum places_pool)i), of[i].refused);
	add_gauge(
	    out, "places_awaited", "Clients that wait for a place.", waiters_count(slots, now_ms));
}

/* What is counted of the link. */
static const struct {
	enum slots_link_counter counter;
	const char *name, *help;
	bool is_time; /* counted in ms, shown in seconds */
} link_series[] = {
    {LINK_COUNT_FORWARDED, "forwarded_total", "Requests sent to other nodes.", false},
    {LINK_COUNT_SERVED, "served_total", "Requests of other nodes.", false},
    {LINK_COUNT_MOVED, "moved_total", "Sessions that moved here with their first transport.",
	false},
    {LINK_COUNT_SHIPPED, "shipped_total", "Messages to other nodes that Redis has got.", false},
    {LINK_COUNT_TAKEN, "taken_total", "Messages of other nodes.", false},
    {LINK_COUNT_COMMANDS, "commands_total", "Commands to Redis.", false},
    {LINK_COUNT_DROPPED, "dropped_total", "Messages to other nodes that found no room.", false},
    {LINK_COUNT_BAD, "bad_total", "Messages that were malformed or unknown.", false},
    {LINK_COUNT_GAPS, "gaps_total", "Times that messages of another node were missing.", false},
    {LINK_GAUGE_QUEUED, "queued", "Messages to other nodes that wait.", false},
    {LINK_GAUGE_QUEUED_BYTES, "queued_bytes", "Bytes of those.", false},
    {LINK_GAUGE_LAG_MS, "lag_seconds", "How long the oldest of those has waited.", true},
    {LINK_GAUGE_BEHIND_MS, "behind_seconds",
	"How old the last message of another node was when it was read.", true},
};

static void
add_link(struct buf *out, const struct slots *slots)
{
	enum link_state state = link_figures_state(slots);

	add_gauge(out, "link_up", "Whether the link to the other nodes works.",
	    state == LINK_STATE_UP || state == LINK_STATE_BEHIND);
	add_gauge(out, "link_peers", "Other nodes that live.", slots_link_peers(slots));
	for (size_t i = 0; i < sizeof(link_series) / sizeof(link_series[0]); i++) {
		const char *name = link_series[i].name;
		int64_t value = link_counter(slots, link_series[i].counter);

		buf_printf(out, "# HELP pollux_link_%s %s\n# TYPE pollux_link_%s %s\n", name,
		    link_series[i].help, name,
		    link_series[i].counter < LINK_GAUGE_QUEUED ? "counter" : "gauge");
		if (link_series[i].is_time)
			buf_printf(out, "pollux_link_%s %" PRId64 ".%03" PRId64 "\n", name,
			    value / 1000, value % 1000);
		else
			buf_printf(out, "pollux_link_%s %" PRId64 "\n", name, value);
	}
}

void
publish_monitor_metrics(const struct publish_request *p)
{
	struct store *st = hub_store(p->sv->hub);
	const struct slots *slots = store_slots(st);
	struct listing_totals totals;
	struct buf out = {.p = NULL};

	if (listing_totals(st, LISTING_HERE, &totals) == -1) {
		publish_answer_error(p, 503, NULL, "busy", "the totals could not be read");
		return;
	}
	add_totals(&out, &totals);
	add_gauge(&out, "draining", "Whether pollux drain has taken the machine out of service.",
	    slots_drain(slots) != 0);
	add_gauge(&out, "drained", "Sessions that the last pollux drain has ended.",
	    (int64_t)slots_drained(slots));
	add_processes(&out, slots, "held",
	    "# HELP pollux_held Sessions whose transport the process holds.\n", slot_held);
	add_processes(&out, slots, "packets_received_total",
	    "# HELP pollux_packets_received_total Packets of clients.\n", slot_received);
	add_processes(&out, slots, "packets_sent_total",
	    "# HELP pollux_packets_sent_total Packets to clients.\n", slot_sent);
	add_places(&out, slots, p->sv->now);
	if (link_is_on(p->sv->hub))
		add_link(&out, slots);
	if (out.failed)
		publish_answer_error(p, 503, NULL, "busy", "no memory for the metrics");
	else
		publish_answer_metrics(p, buf_slice(&out));
	buf_free(&out);
}
