/* GET metrics: the series of docs/metrics.md, in Prometheus' text format. */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "shared/hub/link.h"
#include "shared/store/figures.h"
#include "shared/store/link_figures.h"
#include "shared/store/listing.h"
#include "shared/store/places.h"
#include "shared/store/slots.h"
#include "shared/store/waiters.h"
#include "shared/transport/internal.h"
#include "shared/transport/publish_request.h"

/* Where clients may invent namespaces they must not invent series: beyond these it is "other". */
#define NAMESPACES_SHOWN 50

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

static void
add_head(struct buf *out, const char *name, const char *help, const char *type)
{
	buf_printf(out, "# HELP pollux_%s %s\n# TYPE pollux_%s %s\n", name, help, name, type);
}

/* A number of microseconds, in seconds. */
static void
add_seconds(struct buf *out, uint64_t us)
{
	buf_printf(out, "%" PRIu64 ".%06" PRIu64 "\n", us / 1000000, us % 1000000);
}

/* --- what is counted ------------------------------------------------------------------------ */

static void
add_family(struct buf *out, const struct counter_family *f, const struct counters *all)
{
	add_head(out, f->name, f->help, "counter");
	for (int i = 0; i < f->n; i++) {
		uint64_t n = all->n[(int)f->first + i];

		if (f->labels != NULL && f->labels[i] == NULL)
			continue;
		buf_printf(out, "pollux_%s", f->name);
		if (f->labels != NULL)
			buf_printf(out, "{%s}", f->labels[i]);
		buf_add_char(out, ' ');
		if (f->is_time)
			add_seconds(out, n);
		else
			buf_printf(out, "%" PRIu64 "\n", n);
	}
}

static void
add_histogram(struct buf *out, const struct counter_histogram *h, const struct counters *all)
{
	add_head(out, h->name, h->help, "histogram");
	for (int i = 0; i < h->n; i++) {
		const struct counter_histogram_part *part = &h->parts[i];
		uint64_t sum = 0;

		/* each has those of the steps before it */
		for (int step = 0; step < COUNTERS_STEPS; step++) {
			sum += all->n[(int)part->first + step];
			buf_printf(out, "pollux_%s_bucket{%s,le=\"%s\"} %" PRIu64 "\n", h->name,
			    part->label, counters_step(step), sum);
		}
		buf_printf(out, "pollux_%s_sum{%s} ", h->name, part->label);
		add_seconds(out, all->n[(int)part->first + COUNTERS_STEPS]);
		buf_printf(out, "pollux_%s_count{%s} %" PRIu64 "\n", h->name, part->label, sum);
	}
}

static void
add_counters(struct buf *out, const struct counters *all)
{
	int n;
	const struct counter_family *families = counters_families(&n);
	const struct counter_histogram *histograms;

	for (int i = 0; i < n; i++)
		add_family(out, &families[i], all);
	histograms = counters_histograms(&n);
	for (int i = 0; i < n; i++)
		add_histogram(out, &histograms[i], all);
}

static void
add_figures(struct buf *out, const struct server *sv, const struct figures *f)
{
	struct stat sb;

	add_gauge(out, "users", "Users who have a session, in the whole cluster.", f->users);
	add_gauge(out, "history_rooms", "Rooms of which messages are kept.", f->history.rooms);
	add_gauge(out, "history_bytes", "Bytes of those messages.", f->history.bytes);
	add_gauge(out, "hook_queue_events", "Events that wait for the web hook.", f->hook_events);
	add_gauge(out, "hook_queue_bytes", "Bytes of those.", f->hook_bytes);
	add_gauge(out, "hook_dead_events",
	    "Events that could not be delivered, and are kept in hook_dead.", f->hook_dead);
	add_gauge(out, "log_bytes", "Bytes of the messages in the log.", f->log_bytes);
	add_gauge(out, "log_limit_bytes", "How many there may be.", (int64_t)sv->cfg->log_bytes);
	add_gauge(
	    out, "mailbox_messages", "Messages kept for users who are away.", f->mailbox_messages);
	add_gauge(out, "mailbox_bytes", "Bytes of those.", f->mailbox_bytes);
	add_gauge(out, "database_file_bytes", "Size of the database's file.", f->database_bytes);
	add_gauge(out, "database_wal_bytes", "Size of its write-ahead log.", f->wal_bytes);
	if (sv->cfg->log_file[0] != '\0' && stat(sv->cfg->log_file, &sb) == 0)
		add_gauge(out, "log_file_bytes", "Size of the file that lines are logged to.",
		    (int64_t)sb.st_size);
	add_counters(out, &f->counters);
}

/* --- sessions in namespaces ----------------------------------------------------------------- */

struct namespace_series {
	struct buf *out;
	int shown;
	int64_t rest[TRANSPORT_COUNT]; /* of those that are not */
};

/* Names begin with a slash, so no namespace can be called as these are. */
static void
add_namespace(void *arg, struct slice ns, int transport, int64_t sessions)
{
	struct namespace_series *series = arg;
	struct buf *out = series->out;

	if (transport <= TRANSPORT_NONE || transport >= TRANSPORT_COUNT)
		return;
	if (series->shown++ >= NAMESPACES_SHOWN) {
		series->rest[transport] += sessions;
		return;
	}
	buf_puts(out, "pollux_namespace_sessions{ns=\"");
	if (ns.n == 0)
		buf_puts(out, "default");
	for (size_t i = 0; i < ns.n; i++) {
		if (ns.p[i] == '\n')
			buf_puts(out, "\\n");
		else if (ns.p[i] == '"' || ns.p[i] == '\\')
			buf_printf(out, "\\%c", ns.p[i]);
		else
			buf_add_char(out, ns.p[i]);
	}
	buf_printf(out, "\",transport=\"%s\"} %" PRId64 "\n",
	    route_transport_name((enum transport_id)transport), sessions);
}

static int
add_namespaces(struct buf *out, struct store *st)
{
	struct namespace_series series = {.out = out};

	add_head(out, "namespace_sessions", "Open sessions in a namespace.", "gauge");
	if (listing_namespaces(st, LISTING_HERE, add_namespace, &series) == -1)
		return -1;
	for (int i = TRANSPORT_NONE + 1; i < TRANSPORT_COUNT; i++)
		if (series.rest[i] > 0)
			buf_printf(out,
			    "pollux_namespace_sessions{ns=\"other\",transport=\"%s\"} %" PRId64
			    "\n",
			    route_transport_name((enum transport_id)i), series.rest[i]);
	return 0;
}

/* --- processes ------------------------------------------------------------------------------ */

/* One sample per process.  When a new process takes a slot its counters restart at 0, as Prometheus
 * allows. */
static void
add_processes(struct buf *out, const struct slots *slots, const char *name, const char *help,
    const char *type, int64_t (*value)(const struct slot_info *info))
{
	struct slot_info info;

	add_head(out, name, help, type);
	for (int i = 0; i < slots_high(slots); i++) {
		int64_t n = slots_info(slots, i, &info) ? value(&info) : -1;

		if (n >= 0)
			buf_printf(out, "pollux_%s{slot=\"%d\",kind=\"%s\"} %" PRId64 "\n", name, i,
			    server_kind_name(info.kind), n);
	}
}

static int64_t
slot_held(const struct slot_info *info)
{
	return info->held;
}

static int64_t
slot_received(const struct slot_info *info)
{
	return (int64_t)info->received;
}

static int64_t
slot_sent(const struct slot_info *info)
{
	return (int64_t)info->sent;
}

static int64_t
slot_memory(const struct slot_info *info)
{
	return figures_resident(info->pid);
}

static void
add_all_processes(struct buf *out, const struct slots *slots)
{
	struct slot_info info;

	add_processes(
	    out, slots, "held", "Sessions whose transport the process holds.", "gauge", slot_held);
	add_processes(out, slots, "packets_received_total",
	    "Packets of clients that the process took.", "counter", slot_received);
	add_processes(out, slots, "packets_sent_total", "Packets to clients of the process.",
	    "counter", slot_sent);
	add_processes(out, slots, "process_resident_memory_bytes", "Memory that the process uses.",
	    "gauge", slot_memory);
	add_head(out, "process_info", "The version of the process; always 1.", "gauge");
	for (int i = 0; i < slots_high(slots); i++)
		if (slots_info(slots, i, &info))
			buf_printf(out,
			    "pollux_process_info{slot=\"%d\",kind=\"%s\",pid=\"%d\","
			    "version=\"%s\"} 1\n",
			    i, server_kind_name(info.kind), info.pid, info.version);
}

/* --- places --------------------------------------------------------------------------------- */

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

/* --- the link -------------------------------------------------------------------------------- */

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
		int64_t value = (int64_t)slots_link_counter(slots, link_series[i].counter);

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
publish_metrics(const struct publish_request *p)
{
	struct store *st = hub_store(p->sv->hub);
	const struct slots *slots = store_slots(st);
	struct listing_totals totals;
	struct figures figures;
	struct buf out = {.p = NULL};

	if (listing_totals(st, LISTING_HERE, &totals) == -1 ||
	    figures_collect(st, &figures) == -1 || add_namespaces(&out, st) == -1) {
		publish_answer_error(p, 503, NULL, "busy", "the totals could not be read");
		buf_free(&out);
		return;
	}
	add_totals(&out, &totals);
	add_gauge(&out, "draining", "Whether pollux drain has taken the machine out of service.",
	    slots_drain(slots) != 0);
	add_gauge(&out, "drained", "Sessions that the last pollux drain has ended.",
	    (int64_t)slots_drained(slots));
	add_figures(&out, p->sv, &figures);
	add_all_processes(&out, slots);
	add_places(&out, slots, p->sv->now);
	if (link_is_on(p->sv->hub))
		add_link(&out, slots);
	if (out.failed)
		publish_answer_error(p, 503, NULL, "busy", "no memory for the metrics");
	else
		publish_answer_metrics(p, buf_slice(&out));
	buf_free(&out);
}
