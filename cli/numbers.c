#include "cli/numbers.h"

#include <inttypes.h>

#include "shared/base/clock.h"
#include "shared/store/waiters.h"
#include "shared/transport/server.h"

/* --- counting ------------------------------------------------------------------------------- */

int
numbers_collect(struct cli *c, struct numbers *of)
{
	const struct slots *slots = store_slots(hub_store(c->hub));

	/* Slots have gaps where processes have ended. */
	of->drain_rate = slots_drain(slots);
	of->drained = slots_drained(slots);
	of->n = 0;
	for (int i = 0; i < slots_high(slots); i++)
		if (slots_info(slots, i, &of->processes[of->n].info))
			of->processes[of->n++].slot = i;
	for (int i = 0; i < PLACES_POOLS; i++)
		places_figures(slots, (enum places_pool)i, clock_ms(), &of->places[i]);
	of->waiters = waiters_count(slots, clock_ms());
	if (cluster_collect(c, &of->cluster) == -1)
		return -1;
	if (of->of.is_one && of->of.number >= 0 &&
	    cluster_find(&of->cluster, of->of.number) == NULL) {
		cli_complain("the node is not part of the cluster any more");
		return -1;
	}
	if (figures_collect(hub_store(c->hub), &of->figures) == -1)
		return -1;
	return listing_totals(
	    hub_store(c->hub), of->of.is_one ? of->of : LISTING_HERE, &of->totals);
}

const struct cluster_node *
numbers_shown_node(const struct numbers *of)
{
	return of->of.is_one && of->of.number >= 0 ? cluster_find(&of->cluster, of->of.number)
	                                           : NULL;
}

static int
count_processes(const struct numbers *of, enum server_kind kind)
{
	int n = 0;

	for (int i = 0; i < of->n; i++)
		n += of->processes[i].info.kind == (int)kind;
	return n;
}

int64_t
numbers_open_sessions(const struct listing_totals *t)
{
	int64_t n = 0;

	for (int i = 0; i < TRANSPORT_COUNT; i++)
		n += t->by_transport[i];
	return n;
}

static void
sum_packets(const struct numbers *of, uint64_t *received, uint64_t *sent)
{
	*received = *sent = 0;
	for (int i = 0; i < of->n; i++) {
		*received += of->processes[i].info.received;
		*sent += of->processes[i].info.sent;
	}
}

/* --- as JSON -------------------------------------------------------------------------------- */

static void
write_transports_json(struct buf *out, const struct listing_totals *t)
{
	buf_puts(out, "\"transports\":{");
	for (int i = TRANSPORT_NONE + 1, any = 0; i < TRANSPORT_COUNT; i++) {
		if (t->by_transport[i] == 0)
			continue;
		buf_printf(out, "%s\"%s\":%" PRId64, any++ > 0 ? "," : "",
		    route_transport_name((enum transport_id)i), t->by_transport[i]);
	}
	buf_puts(out, "}}");
}

/* What is known here of another node. */
static void
write_shown_json(struct buf *out, const struct numbers *of, const struct cluster_node *node)
{
	const struct listing_totals *t = &of->totals;

	buf_add_char(out, '{');
	cluster_write_node_json(out, node);
	buf_printf(out, ",\"sessions\":{\"open\":%" PRId64 ",", numbers_open_sessions(t));
	write_transports_json(out, t);
	buf_printf(out,
	    ",\"rooms\":%" PRId64 ",\"memberships\":%" PRId64 ",\"values\":%" PRId64 "}\n",
	    t->rooms, t->memberships, t->values);
}

static void
write_places_json(struct buf *out, const struct numbers *of)
{
	buf_puts(out, ",\"places\":{");
	for (int i = 0; i < PLACES_POOLS; i++)
		buf_printf(out, "\"%s\":{\"taken\":%zu,\"limit\":%zu,\"refused\":%" PRIu64 "},",
		    places_pool_name((enum places_pool)i), of->places[i].taken, of->places[i].limit,
		    of->places[i].refused);
	buf_printf(out, "\"awaited\":%u}", of->waiters);
}

/* As in the metrics, where more is said of each. */
static void
write_figures_json(struct buf *out, const struct figures *f)
{
	const struct counters *all = &f->counters;

	buf_printf(out,
	    ",\"refused\":%" PRIu64 ",\"disconnected\":%" PRIu64 ",\"hook\":{\"events\":%" PRId64
	    ",\"bytes\":%" PRId64 ",\"dead\":%" PRId64 ",\"requests\":%" PRIu64
	    ",\"failed\":%" PRIu64 "}",
	    counters_sum(all, "refusals_total"), counters_sum(all, "disconnects_total"),
	    f->hook_events, f->hook_bytes, f->hook_dead,
	    counters_sum_took(all, "hook_request_seconds"),
	    counters_sum(all, "hook_failures_total"));
	buf_printf(out, ",\"mailbox\":{\"messages\":%" PRId64 ",\"bytes\":%" PRId64 "}",
	    f->mailbox_messages, f->mailbox_bytes);
	buf_printf(out,
	    ",\"store\":{\"file_bytes\":%" PRId64 ",\"wal_bytes\":%" PRId64
	    ",\"log_bytes\":%" PRId64 ",\"lock_waits\":%" PRIu64 ",\"lock_wait_ms\":%" PRIu64
	    ",\"commits\":%" PRIu64 ",\"rollbacks\":%" PRIu64 "}",
	    f->database_bytes, f->wal_bytes, f->log_bytes, all->n[COUNT_LOCK_WAITS],
	    all->n[COUNT_LOCK_WAITED_US] / 1000, all->n[COUNT_COMMITS], all->n[COUNT_ROLLBACKS]);
}

static void
write_own_json(struct buf *out, const struct numbers *of)
{
	const struct listing_totals *t = &of->totals;
	uint64_t received, sent;

	sum_packets(of, &received, &sent);
	buf_printf(out, "{\"processes\":{\"fcgi\":%d,\"wsd\":%d,\"tool\":%d",
	    count_processes(of, SERVER_FCGI), count_processes(of, SERVER_WSD),
	    count_processes(of, SERVER_TOOL));
	if (of->cluster.is_on)
		buf_printf(out, ",\"linkd\":%d", count_processes(of, SERVER_LINKD));
	buf_printf(out,
	    "},\"sessions\":{\"open\":%" PRId64 ",\"new\":%" PRId64 ",\"ended\":%" PRId64 ",",
	    numbers_open_sessions(t), t->fresh, t->ended);
	write_transports_json(out, t);
	buf_printf(out,
	    ",\"rooms\":%" PRId64 ",\"memberships\":%" PRId64 ",\"values\":%" PRId64
	    ",\"answers_awaited\":%" PRId64 ",\"packets\":{\"received\":%" PRIu64
	    ",\"sent\":%" PRIu64 "},\"log\":{\"messages\":%" PRId64 ",\"appended\":%" PRId64
	    "},\"database_bytes\":%" PRId64,
	    t->rooms, t->memberships, t->values, t->answers_awaited, received, sent, t->messages,
	    t->appended, t->bytes);
	write_figures_json(out, &of->figures);
	write_places_json(out, of);
	if (of->cluster.is_on) {
		buf_puts(out, ",\"cluster\":");
		cluster_write_json(out, &of->cluster, !of->of.is_one);
	}
	if (of->drain_rate != 0)
		buf_printf(out, ",\"drain\":{\"rate\":%u,\"ended\":%" PRIu64 "}", of->drain_rate,
		    of->drained);
	buf_puts(out, "}\n");
}

void
numbers_write_json(struct buf *out, const struct numbers *of)
{
	const struct cluster_node *node = numbers_shown_node(of);

	if (node != NULL)
		write_shown_json(out, of, node);
	else
		write_own_json(out, of);
}

/* --- as text -------------------------------------------------------------------------------- */

static void
write_sessions_text(struct buf *out, const struct listing_totals *t)
{
	buf_printf(out, "sessions    %" PRId64 " open", numbers_open_sessions(t));
	for (int i = TRANSPORT_NONE + 1; i < TRANSPORT_COUNT; i++)
		if (t->by_transport[i] > 0)
			buf_printf(out, ", %" PRId64 " %s", t->by_transport[i],
			    route_transport_name((enum transport_id)i));
}

static void
write_contents_text(struct buf *out, const struct listing_totals *t)
{
	buf_printf(out, "rooms       %" PRId64 ", with %" PRId64 " memberships\n", t->rooms,
	    t->memberships);
	buf_printf(out, "values      %" PRId64 "\n", t->values);
}

/* What is known here of another node. */
static void
write_shown_text(struct buf *out, const struct numbers *of, const struct cluster_node *node)
{
	cluster_write_node_text(out, node);
	buf_add_char(out, '\n');
	write_sessions_text(out, &of->totals);
	buf_add_char(out, '\n');
	write_contents_text(out, &of->totals);
	buf_printf(out, "packets     %" PRId64 " received, %" PRId64 " sent a second\n",
	    node->figures.received, node->figures.sent);
}

static void
write_places_text(struct buf *out, const struct numbers *of)
{
	for (int i = 0; i < PLACES_POOLS; i++) {
		const struct places_figures *places = &of->places[i];

		if (places->limit > 0)
			buf_printf(out,
			    "places      %zu of %zu taken at %s, %" PRIu64 " refused; %u wait\n",
			    places->taken, places->limit, places_pool_name((enum places_pool)i),
			    places->refused, of->waiters);
	}
}

static void
write_figures_text(struct buf *out, const struct figures *f)
{
	const struct counters *all = &f->counters;
	uint64_t requests = counters_sum_took(all, "hook_request_seconds");

	buf_printf(out, "ended       %" PRIu64 " disconnected, %" PRIu64 " refused\n",
	    counters_sum(all, "disconnects_total"), counters_sum(all, "refusals_total"));
	if (requests > 0 || f->hook_events > 0 || f->hook_dead > 0)
		buf_printf(out,
		    "hook        %" PRId64 " events wait, %" PRId64 " dead; %" PRIu64
		    " requests, %" PRIu64 " failed\n",
		    f->hook_events, f->hook_dead, requests,
		    counters_sum(all, "hook_failures_total"));
	if (f->mailbox_messages > 0)
		buf_printf(out, "mailboxes   %" PRId64 " messages, %" PRId64 " bytes\n",
		    f->mailbox_messages, f->mailbox_bytes);
	buf_printf(out,
	    "store       %" PRIu64 " commits, %" PRIu64 " waits for the lock, %" PRIu64
	    " ms in all\n",
	    all->n[COUNT_COMMITS], all->n[COUNT_LOCK_WAITS], all->n[COUNT_LOCK_WAITED_US] / 1000);
}

static void
write_own_text(struct buf *out, const struct numbers *of)
{
	const struct listing_totals *t = &of->totals;
	uint64_t received, sent;

	sum_packets(of, &received, &sent);
	buf_printf(out, "processes   %d fcgi, %d wsd, %d tool", count_processes(of, SERVER_FCGI),
	    count_processes(of, SERVER_WSD), count_processes(of, SERVER_TOOL));
	if (of->cluster.is_on)
		buf_printf(out, ", %d linkd", count_processes(of, SERVER_LINKD));
	buf_add_char(out, '\n');
	write_sessions_text(out, t);
	buf_printf(out, "; %" PRId64 " new, %" PRId64 " ended\n", t->fresh, t->ended);
	if (of->drain_rate != 0)
		buf_printf(out, "draining    %u a second, %" PRIu64 " so far\n", of->drain_rate,
		    of->drained);
	write_places_text(out, of);
	write_contents_text(out, t);
	buf_printf(out, "answers     %" PRId64 " awaited\n", t->answers_awaited);
	buf_printf(out, "packets     %" PRIu64 " received, %" PRIu64 " sent\n", received, sent);
	write_figures_text(out, &of->figures);
	buf_printf(
	    out, "log         %" PRId64 " messages of %" PRId64 "\n", t->messages, t->appended);
	buf_printf(out, "database    %" PRId64 " kB\n", t->bytes / 1024);
	cluster_write_text(out, &of->cluster, !of->of.is_one);
}

void
numbers_write_text(struct buf *out, const struct numbers *of)
{
	const struct cluster_node *node = numbers_shown_node(of);

	if (node != NULL)
		write_shown_text(out, of, node);
	else
		write_own_text(out, of);
}
