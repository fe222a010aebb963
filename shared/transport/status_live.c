/* The status page's sessions, and the figures that they get.
 *
 * While somebody looks, one process of the node collects the figures once a second, less often if
 * that takes long, and publishes them to the pages whose sessions are on this node.  Whichever
 * process comes first when they are due does it, and then wakes for the next ones; should it die,
 * another one finds them late at its next turn, a second after that. */
#include <inttypes.h>
#include <stdio.h>

#include "shared/base/clock.h"
#include "shared/store/message_log.h"
#include "shared/store/slots.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/form.h"

#define TICKET_FIELD "pollux_status"

#define PERIOD_MS  1000
#define COST_SHARE 50    /* collecting may take a fiftieth of the time */
#define PERIOD_MAX 30000 /* however long it takes */
#define LATE_MS    500   /* then another process does it */
#define EXPECT_MS  15000 /* from the ticket to the transport */

/* --- sessions ------------------------------------------------------------------------------- */

/* Its first transport has opened: on this node, wherever the ticket came from. */
static void
on_viewer(void *arg)
{
	status_live_expect(arg);
}

void
status_live_open(struct server *sv)
{
	struct slice none = {NULL, 0};

	sv->status.ns = (struct hub_ns){.name = SLICE(SESSION_STATUS_NS),
	    .chan = message_log_channel(SLICE(SESSION_STATUS_NS), none)};
	application_reserve(sv->application, &sv->status.ns, on_viewer, sv);
}

bool
status_live_is_asked(const struct server *sv, struct slice query, struct slice *ticket)
{
	struct slice value;

	*ticket = (struct slice){NULL, 0};
	if (sv->publish_keys == NULL || !form_field(query, TICKET_FIELD, &value))
		return false;
	*ticket = value.p == NULL ? SLICE("") : value;
	return true;
}

enum session_create_result
status_live_create(
    struct server *sv, struct slice ticket, struct slice address, char sid[STORE_SID_SIZE])
{
	char login[STATUS_TEXT_SIZE], json[STATUS_TEXT_SIZE + 64];

	if (transaction_open(sv->hub) == -1)
		return SESSION_BUSY;
	if (!status_access_redeem(sv, ticket, login))
		return SESSION_UNAUTHORIZED;
	snprintf(json, sizeof(json), "{\"status\":\"%s\",\"issued\":%" PRId64 "}", login,
	    clock_wall_ms());
	return session_create_status(sv->hub, json, address, sid);
}

/* --- publishing ----------------------------------------------------------------------------- */

/* Publish an event whose one argument is `json`. */
static void
publish_event(struct server *sv, const char *name, const struct buf *json)
{
	struct buf packet = {.p = NULL};

	if (json->failed || json->n == 0)
		return;
	buf_printf(&packet, "5::" SESSION_STATUS_NS ":{\"name\":\"%s\",\"args\":[", name);
	buf_add_slice(&packet, buf_slice(json));
	buf_puts(&packet, "]}");
	/* volatile: who has no transport now will get the next ones */
	if (!packet.failed)
		(void)hub_publish_here(
		    sv->hub, sv->status.ns.chan, NULL, 0, buf_slice(&packet), true);
	buf_free(&packet);
}

static void
publish_figures(struct server *sv)
{
	int64_t began = clock_ms();
	struct buf out = {.p = NULL};

	if (status_figures_write(sv, &out) == 0)
		publish_event(sv, "figures", &out);
	buf_clear(&out);
	if (status_log_write(sv, &sv->status.log, &out))
		publish_event(sv, "log", &out);
	buf_free(&out);
	sv->status.cost_ms = clock_ms() - began;
}

static int64_t
status_period(const struct server *sv)
{
	int64_t period = COST_SHARE * sv->status.cost_ms;

	return period < PERIOD_MS ? PERIOD_MS : period > PERIOD_MAX ? PERIOD_MAX : period;
}

void
status_live_expect(struct server *sv)
{
	struct slots *sl = store_slots(hub_store(sv->hub));

	if (slots_status_until(sl) < sv->now + EXPECT_MS ||
	    slots_status_until(sl) > sv->now + 2 * PERIOD_MAX)
		slots_set_status_until(sl, sv->now + EXPECT_MS);
}

/* Is it this process that publishes now?  The one that did it last is on time, all others are
 * late. */
static bool
claim_figures(struct server *sv, struct slots *sl)
{
	int64_t due = slots_status_due(sl);
	bool ours = due == sv->status.published_due;

	/* a time far ahead is of an earlier boot */
	if (sv->now < due + (ours ? 0 : LATE_MS) && due < sv->now + 2 * PERIOD_MAX)
		return false;
	return slots_status_claim(sl, due, sv->now + status_period(sv));
}

int64_t
status_live_run(struct server *sv)
{
	struct slots *sl = store_slots(hub_store(sv->hub));
	int64_t until = slots_status_until(sl);

	if (until <= sv->now || until > sv->now + 3 * PERIOD_MAX)
		return INT64_MAX;
	if (claim_figures(sv, sl)) {
		sv->status.published_due = slots_status_due(sl);
		if (status_viewers_check(sv) > 0) {
			slots_set_status_until(sl, sv->now + 3 * status_period(sv));
			publish_figures(sv);
		}
	}
	return slots_status_due(sl) == sv->status.published_due ? sv->status.published_due
	                                                        : INT64_MAX;
}
