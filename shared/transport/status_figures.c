/* The figures of the status page, a JSON object of bounded size. */
#include <inttypes.h>

#include "shared/base/clock.h"
#include "shared/store/figures.h"
#include "shared/store/listing.h"
#include "shared/store/message_log.h"
#include "shared/store/places.h"
#include "shared/store/slots.h"
#include "shared/store/waiters.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"

#define LARGEST    12  /* namespaces, and rooms */
#define NAME_BYTES 100 /* of each that are shown */

/* --- the largest namespaces and rooms -------------------------------------------------------- */

/* Names as JSON strings, which one of NAME_BYTES may become. */
struct largest_row {
	int64_t sessions;
	struct buf ns, room; /* owned; room.p NULL: the namespace itself */
};

struct largest_table {
	struct largest_row row[LARGEST];
	int n;
};

struct largest_names {
	struct largest_table namespaces, rooms;
};

static void
free_table(struct largest_table *t)
{
	for (int i = 0; i < t->n; i++) {
		buf_free(&t->row[i].ns);
		buf_free(&t->row[i].room);
	}
}

/* Insert it where it belongs; the largest comes first, and the smallest drops out. */
static void
add_to_table(struct largest_table *t, struct slice ns, struct slice room, int64_t sessions)
{
	int at = t->n;

	while (at > 0 && t->row[at - 1].sessions < sessions)
		at--;
	if (at == LARGEST)
		return;
	if (t->n == LARGEST) {
		buf_free(&t->row[LARGEST - 1].ns);
		buf_free(&t->row[LARGEST - 1].room);
	} else {
		t->n++;
	}
	memmove(&t->row[at + 1], &t->row[at], (size_t)(t->n - 1 - at) * sizeof(t->row[0]));
	t->row[at] = (struct largest_row){.sessions = sessions};
	status_text_write(&t->row[at].ns, ns, NAME_BYTES);
	if (room.p != NULL)
		status_text_write(&t->row[at].room, room, NAME_BYTES);
}

static void
count_largest(void *arg, struct slice ns, struct slice room, int64_t sessions)
{
	struct largest_names *l = arg;

	if (slice_is(ns, SESSION_STATUS_NS))
		return;
	add_to_table(room.p == NULL ? &l->namespaces : &l->rooms, ns, room, sessions);
}

static void
write_table(struct buf *out, const char *name, const struct largest_table *t)
{
	buf_printf(out, ",\"%s\":[", name);
	for (int i = 0; i < t->n; i++) {
		buf_puts(out, i == 0 ? "{\"ns\":" : ",{\"ns\":");
		buf_add_slice(out, buf_slice(&t->row[i].ns));
		if (t->row[i].room.p != NULL) {
			buf_puts(out, ",\"room\":");
			buf_add_slice(out, buf_slice(&t->row[i].room));
		}
		buf_printf(out, ",\"sessions\":%" PRId64 "}", t->row[i].sessions);
	}
	buf_add_char(out, ']');
}

static int
write_largest(struct server *sv, struct buf *out)
{
	struct largest_names l = {.rooms.n = 0};
	int result = listing_rooms(hub_store(sv->hub),
	    &(struct listing_room_filter){.of = LISTING_EVERYWHERE}, count_largest, &l);

	write_table(out, "namespaces", &l.namespaces);
	write_table(out, "largest", &l.rooms);
	free_table(&l.namespaces);
	free_table(&l.rooms);
	return result;
}

/* --- the rest ------------------------------------------------------------------------------- */

static void
write_session_figures(struct buf *out, const struct listing_totals *t, int64_t users)
{
	buf_puts(out, ",\"sessions\":{");
	for (int i = TRANSPORT_NONE + 1; i < TRANSPORT_COUNT; i++)
		buf_printf(out, "%s\"%s\":%" PRId64, i == TRANSPORT_NONE + 1 ? "" : ",",
		    route_transport_name((enum transport_id)i), t->by_transport[i]);
	buf_printf(out,
	    "},\"new\":%" PRId64 ",\"users\":%" PRId64 ",\"rooms\":%" PRId64
	    ",\"memberships\":%" PRId64 ",\"awaited\":%" PRId64,
	    t->fresh, users, t->rooms, t->memberships, t->answers_awaited);
}

static void
write_places(struct server *sv, struct buf *out)
{
	const struct slots *sl = store_slots(hub_store(sv->hub));
	struct places_figures f;

	buf_puts(out, ",\"places\":[");
	for (int i = 0; i < PLACES_POOLS; i++) {
		places_figures(sl, (enum places_pool)i, sv->now, &f);
		buf_printf(out,
		    "%s{\"kind\":\"%s\",\"taken\":%zu,\"limit\":%zu,\"refused\":%" PRIu64 "}",
		    i == 0 ? "" : ",", places_pool_name((enum places_pool)i), f.taken, f.limit,
		    f.refused);
	}
	buf_printf(out, "],\"waiting\":%u", waiters_count(sl, sv->now));
}

static void
write_hook(struct server *sv, struct buf *out, int64_t dead)
{
	const struct slots *sl = store_slots(hub_store(sv->hub));
	unsigned slowed = 0;

	if (sv->cfg->hook_url[0] == '\0')
		return;
	for (int i = 0; i < slots_high(sl); i++)
		slowed += slots_alive(sl, i) ? slots_slowed(sl, i) : 0;
	buf_printf(out,
	    ",\"hook\":{\"events\":%" PRId64 ",\"bytes\":%" PRId64
	    ",\"most\":%zu,\"most_bytes\":%zu,\"slowed\":%u,\"dead\":%" PRId64 "}",
	    slots_hook_events(sl), slots_hook_bytes(sl), sv->cfg->hook_queue_events,
	    sv->cfg->hook_queue_bytes, slowed, dead);
}

static void
write_store(struct server *sv, struct buf *out, const struct listing_totals *t,
    const struct figures *f, int64_t unread)
{
	buf_printf(out,
	    ",\"store\":{\"bytes\":%" PRId64 ",\"file\":%" PRId64 ",\"wal\":%" PRId64
	    ",\"log\":%" PRId64 ",\"log_bytes\":%" PRId64 ",\"log_most\":%zu,\"appended\":%" PRId64
	    ",\"unread\":%" PRId64 ",\"mail\":%" PRId64 ",\"mail_bytes\":%" PRId64 "}",
	    t->bytes, f->database_bytes, f->wal_bytes, t->messages, f->log_bytes,
	    sv->cfg->log_bytes, t->appended, unread, f->mailbox_messages, f->mailbox_bytes);
}

/* Since the folder's table was made; the page makes rates of them. */
static void
write_counters(struct buf *out, const struct counters *all)
{
	static const struct {
		const char *name, *family;
	} sums[] = {
	    {"handshakes", "handshakes_total"},
	    {"disconnects", "disconnects_total"},
	    {"refused", "refusals_total"},
	    {"hook_failed", "hook_failures_total"},
	    {"lock_waits", "store_lock_waits_total"},
	    {"lock_us", "store_lock_wait_seconds_total"},
	    {"commits", "store_commits_total"},
	    {"rollbacks", "store_rollbacks_total"},
	};
	uint64_t in = 0, sent = 0, bytes_in = 0, bytes_out = 0, took = 0;

	for (int i = 0; i < TRANSPORT_COUNT; i++) {
		in += all->n[COUNT_PACKETS_IN + i];
		sent += all->n[COUNT_PACKETS_OUT + i];
		bytes_in += all->n[COUNT_BYTES_IN + i];
		bytes_out += all->n[COUNT_BYTES_OUT + i];
	}
	for (int i = 0; i < COUNTERS_STEPS; i++)
		took += all->n[COUNT_HOOK_EVENTS_TOOK + i];
	buf_printf(out,
	    ",\"counters\":{\"in\":%" PRIu64 ",\"out\":%" PRIu64 ",\"bytes_in\":%" PRIu64
	    ",\"bytes_out\":%" PRIu64 ",\"hook_requests\":%" PRIu64 ",\"hook_us\":%" PRIu64,
	    in, sent, bytes_in, bytes_out, took, all->n[COUNT_HOOK_EVENTS_SUM]);
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		buf_printf(
		    out, ",\"%s\":%" PRIu64, sums[i].name, counters_sum(all, sums[i].family));
	buf_add_char(out, '}');
}

static int
collect_facts(struct server *sv, const struct listing_totals *t, const struct figures *figures,
    struct status_facts *f)
{
	struct store *st = hub_store(sv->hub);
	int64_t lowest = slots_lowest_head(store_slots(st)), head;

	if (message_log_head(st, &head) == -1)
		return -1;
	*f = (struct status_facts){
	    .hook_dead = figures->hook_dead,
	    .unread = lowest < head ? head - lowest : 0,
	    .log_held = figures->log_bytes,
	    .open_sessions = t->fresh - status_viewers_count(sv),
	};
	for (int i = 0; i < TRANSPORT_COUNT; i++)
		f->open_sessions += t->by_transport[i];
	return 0;
}

int
status_figures_write(struct server *sv, struct buf *out)
{
	struct store *st = hub_store(sv->hub);
	const struct slots *sl = store_slots(st);
	struct listing_totals totals;
	struct figures figures;
	struct status_facts facts;

	if (listing_totals(st, LISTING_HERE, &totals) == -1 ||
	    figures_collect(st, &figures) == -1 ||
	    collect_facts(sv, &totals, &figures, &facts) == -1)
		return -1;
	buf_printf(out, "{\"time\":%" PRId64 ",\"node\":", clock_wall_ms());
	status_text_node(sv, out);
	write_session_figures(out, &totals, figures.users);
	buf_printf(out, ",\"viewers\":%d", status_viewers_count(sv));
	if (write_largest(sv, out) == -1)
		return -1;
	write_places(sv, out);
	write_hook(sv, out, facts.hook_dead);
	write_counters(out, &figures.counters);
	write_store(sv, out, &totals, &figures, facts.unread);
	buf_printf(
	    out, ",\"draining\":%u,\"drained\":%" PRIu64, slots_drain(sl), slots_drained(sl));
	status_processes_write(sv, out);
	if (status_nodes_write(sv, out) == -1)
		return -1;
	status_warnings_write(sv, &facts, out);
	buf_add_char(out, '}');
	return out->failed ? -1 : 0;
}
