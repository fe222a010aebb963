/* What the publishing interface says of the server itself: health, ready. */
#include <inttypes.h>

#include "shared/hub/drain.h"
#include "shared/hub/link.h"
#include "shared/store/link_figures.h"
#include "shared/store/slots.h"
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
