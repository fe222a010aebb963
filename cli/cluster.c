#include "cli/cluster.h"

#include <inttypes.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/store/link_node.h"
#include "shared/store/listing.h"
#include "shared/wire/json.h"

#define NODES_SHOWN 20

/* --- counting ------------------------------------------------------------------------------- */

/* Copy what another node says of itself: only ASCII without control characters. */
static void
copy_node_text(char *to, size_t size, struct slice text)
{
	size_t n = text.n < size ? text.n : size - 1;

	for (size_t i = 0; i < n; i++)
		to[i] = text.p[i] < 0x20 || text.p[i] > 0x7e ? '?' : text.p[i];
	to[n] = '\0';
}

static void
add_cluster_node(void *arg, const struct link_node *node)
{
	struct cluster *cl = arg;
	struct cluster_node *n = &cl->nodes[cl->n];

	if (cl->n == SLOTS_LINK_NUMBERS)
		return;
	*n = (struct cluster_node){.number = node->number,
	    .lives = node->lives,
	    .since_ms = clock_ms() - node->since,
	    .figures = link_figures_read(node->figures)};
	copy_node_text(n->name, sizeof(n->name), node->name);
	copy_node_text(n->version, sizeof(n->version), node->version);
	cl->n++;
}

static void
count_node_sessions(void *arg, int number, int64_t sessions)
{
	struct cluster *cl = arg;

	for (int i = 0; i < cl->n; i++)
		if (cl->nodes[i].number == number)
			cl->nodes[i].sessions = sessions;
}

int
cluster_collect(struct cli *c, struct cluster *cl)
{
	struct store *st = hub_store(c->hub);
	const struct slots *sl = store_slots(st);
	int64_t since = slots_link_since(sl);

	cl->is_on = cli_in_cluster(c);
	cl->n = 0;
	if (!cl->is_on)
		return 0;
	cl->number = slots_link_number(sl);
	cl->peers = slots_link_peers(sl);
	cl->acquainted = slots_link_knows_all(sl);
	cl->state = link_figures_state(sl);
	/* when pollux-linkd was killed is not known */
	cl->since_ms = cl->state == LINK_STATE_ABSENT || since == 0 ? -1 : clock_ms() - since;
	for (int i = 0; i < SLOTS_LINK_COUNTERS; i++)
		cl->counters[i] = slots_link_counter(sl, (enum slots_link_counter)i);
	if (link_node_list(st, add_cluster_node, cl) == -1)
		return -1;
	return listing_homes(st, count_node_sessions, cl);
}

const struct cluster_node *
cluster_find(const struct cluster *cl, int number)
{
	for (int i = 0; i < cl->n; i++)
		if (cl->nodes[i].number == (number == -1 ? cl->number : number))
			return &cl->nodes[i];
	return NULL;
}

static bool
is_other(const struct cluster *cl, const struct cluster_node *n)
{
	return n->number != cl->number;
}

/* --- as text -------------------------------------------------------------------------------- */

static void
write_span(struct buf *out, int64_t ms)
{
	int64_t s = ms / 1000;

	if (s < 120)
		buf_printf(out, "%" PRId64 " s", s);
	else if (s < 7200)
		buf_printf(out, "%" PRId64 " min", s / 60);
	else if (s < 172800)
		buf_printf(out, "%" PRId64 " h", s / 3600);
	else
		buf_printf(out, "%" PRId64 " d", s / 86400);
}

static void
write_sessions(struct buf *out, int64_t n)
{
	buf_printf(out, "%" PRId64 " session%s\n", n, n == 1 ? "" : "s");
}

static void
write_waiting(struct buf *out, int64_t rows, int64_t bytes, int64_t lag_ms, int64_t behind_ms)
{
	buf_printf(out, "%" PRId64 " waiting", rows);
	if (rows > 0)
		buf_printf(
		    out, " (%" PRId64 " kB, for %" PRId64 " ms)", (bytes + 1023) / 1024, lag_ms);
	buf_printf(out, ", %" PRId64 " ms behind", behind_ms);
}

static void
write_link_state(struct buf *out, const struct cluster *cl)
{
	static const char *const says[] = {
	    [LINK_STATE_UP] = "up",
	    [LINK_STATE_BEHIND] = "up, but far behind,",
	    [LINK_STATE_ALONE] = "up, but this node has no number or its name is taken,",
	    [LINK_STATE_DOWN] = "down: Redis does not answer,",
	    [LINK_STATE_ABSENT] = "down: pollux-linkd does not run",
	};

	buf_printf(out, "link        %s", says[cl->state]);
	if (cl->since_ms >= 0) {
		buf_puts(out, " for ");
		write_span(out, cl->since_ms);
	}
}

static void
write_other_nodes(struct buf *out, const struct cluster *cl)
{
	int shown = 0, more = 0;

	for (int i = 0; i < cl->n; i++) {
		const struct cluster_node *n = &cl->nodes[i];

		if (!is_other(cl, n))
			continue;
		if (shown == NODES_SHOWN) {
			more++;
			continue;
		}
		shown++;
		cluster_write_node_text(out, n);
		buf_puts(out, "; ");
		write_sessions(out, n->sessions);
	}
	if (more > 0)
		buf_printf(out, "            ... and %d more\n", more);
}

void
cluster_write_text(struct buf *out, const struct cluster *cl, bool others)
{
	const struct cluster_node *own = cluster_find(cl, -1);
	const uint64_t *n = cl->counters;
	int64_t sessions = 0;

	if (!cl->is_on)
		return;
	for (int i = 0; i < cl->n; i++)
		sessions += is_other(cl, &cl->nodes[i]) ? cl->nodes[i].sessions : 0;
	buf_printf(out, "cluster     this node is %s", own == NULL ? "unnamed" : own->name);
	if (cl->number >= 0)
		buf_printf(out, ", number %d", cl->number);
	buf_printf(out, "; %u other%s, with ", cl->peers, cl->peers == 1 ? "" : "s");
	write_sessions(out, sessions);
	write_link_state(out, cl);
	buf_puts(out, "; ");
	write_waiting(out, (int64_t)n[LINK_GAUGE_QUEUED], (int64_t)n[LINK_GAUGE_QUEUED_BYTES],
	    (int64_t)n[LINK_GAUGE_LAG_MS], (int64_t)n[LINK_GAUGE_BEHIND_MS]);
	buf_printf(out,
	    "\nrequests    %" PRIu64 " forwarded, %" PRIu64 " served, %" PRIu64
	    " session%s moved here\n",
	    n[LINK_COUNT_FORWARDED], n[LINK_COUNT_SERVED], n[LINK_COUNT_MOVED],
	    n[LINK_COUNT_MOVED] == 1 ? "" : "s");
	buf_printf(out,
	    "frames      %" PRIu64 " shipped, %" PRIu64 " taken; %" PRIu64 " dropped, %" PRIu64
	    " bad, %" PRIu64 " gaps; %" PRIu64 " commands of Redis\n",
	    n[LINK_COUNT_SHIPPED], n[LINK_COUNT_TAKEN], n[LINK_COUNT_DROPPED], n[LINK_COUNT_BAD],
	    n[LINK_COUNT_GAPS], n[LINK_COUNT_COMMANDS]);
	if (others)
		write_other_nodes(out, cl);
}

void
cluster_write_node_text(struct buf *out, const struct cluster_node *n)
{
	buf_printf(out, "node        %s, number %d, version %s, %s for ", n->name, n->number,
	    n->version, n->lives ? "lives" : "lost");
	write_span(out, n->since_ms);
	if (!n->lives)
		return;
	buf_puts(out, "; ");
	write_waiting(out, n->figures.queued, n->figures.queued_bytes, n->figures.lag_ms,
	    n->figures.behind_ms);
}

void
cluster_write_table(struct buf *out, const struct cluster *cl, int64_t own_sessions)
{
	int shown = cl->n < NODES_SHOWN ? cl->n : NODES_SHOWN;

	if (cl->n > 0)
		buf_puts(out, "\n NODE             SESSIONS     IN/s    OUT/s  WAITING LAG/ms\n");
	for (int i = 0; i < shown; i++) {
		const struct cluster_node *n = &cl->nodes[i];
		const struct link_figures *f = &n->figures;

		buf_printf(out, "%c%-16s %8" PRId64, is_other(cl, n) ? ' ' : '*', n->name,
		    is_other(cl, n) ? n->sessions : own_sessions);
		if (n->lives)
			buf_printf(out, " %8" PRId64 " %8" PRId64 " %8" PRId64 " %6" PRId64 "\n",
			    f->received, f->sent, f->queued, f->lag_ms);
		else
			buf_puts(out, "     lost\n");
	}
	if (shown < cl->n)
		buf_printf(out, "    ... and %d more\n", cl->n - shown);
}

/* --- as JSON -------------------------------------------------------------------------------- */

void
cluster_write_node_json(struct buf *out, const struct cluster_node *n)
{
	buf_puts(out, "\"name\":");
	json_write_string(out, slice_of(n->name));
	buf_printf(out, ",\"number\":%d,\"version\":", n->number);
	json_write_string(out, slice_of(n->version));
	buf_printf(out,
	    ",\"lives\":%s,\"seconds\":%" PRId64 ",\"figures\":", n->lives ? "true" : "false",
	    n->since_ms / 1000);
	link_figures_write(out, &n->figures);
}

void
cluster_write_json(struct buf *out, const struct cluster *cl, bool others)
{
	static const char *const names[SLOTS_LINK_COUNTERS] = {
	    [LINK_COUNT_FORWARDED] = "forwarded",
	    [LINK_COUNT_SERVED] = "served",
	    [LINK_COUNT_MOVED] = "moved",
	    [LINK_COUNT_SHIPPED] = "shipped",
	    [LINK_COUNT_TAKEN] = "taken",
	    [LINK_COUNT_COMMANDS] = "commands",
	    [LINK_COUNT_DROPPED] = "dropped",
	    [LINK_COUNT_BAD] = "bad",
	    [LINK_COUNT_GAPS] = "gaps",
	    [LINK_GAUGE_QUEUED] = "queued",
	    [LINK_GAUGE_QUEUED_BYTES] = "queued_bytes",
	    [LINK_GAUGE_LAG_MS] = "lag_ms",
	    [LINK_GAUGE_BEHIND_MS] = "behind_ms",
	};
	const struct cluster_node *own = cluster_find(cl, -1);
	bool first = true;

	buf_puts(out, "{\"node\":");
	if (own == NULL)
		buf_puts(out, "null");
	else
		json_write_string(out, slice_of(own->name));
	buf_puts(out, ",\"number\":");
	if (cl->number < 0)
		buf_puts(out, "null");
	else
		buf_printf(out, "%d", cl->number);
	buf_printf(out, ",\"link\":\"%s\",\"seconds\":", link_figures_state_name(cl->state));
	if (cl->since_ms < 0)
		buf_puts(out, "null");
	else
		buf_printf(out, "%" PRId64, cl->since_ms / 1000);
	buf_printf(
	    out, ",\"peers\":%u,\"acquainted\":%s", cl->peers, cl->acquainted ? "true" : "false");
	for (int i = 0; i < SLOTS_LINK_COUNTERS; i++)
		buf_printf(out, ",\"%s\":%" PRIu64, names[i], cl->counters[i]);
	if (!others) {
		buf_add_char(out, '}');
		return;
	}
	buf_puts(out, ",\"nodes\":[");
	for (int i = 0; i < cl->n; i++) {
		if (!is_other(cl, &cl->nodes[i]))
			continue;
		buf_puts(out, first ? "{" : ",{");
		first = false;
		cluster_write_node_json(out, &cl->nodes[i]);
		buf_printf(out, ",\"sessions\":%" PRId64 "}", cl->nodes[i].sessions);
	}
	buf_puts(out, "]}");
}
