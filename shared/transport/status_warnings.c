/* What is wrong, in words, and what to do about it. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/hub/link.h"
#include "shared/store/link_figures.h"
#include "shared/store/places.h"
#include "shared/store/slots.h"
#include "shared/store/waiters.h"
#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"

#define RECENTLY_MS INT64_C(600000) /* what was refused longer ago is of no interest */
#define NEARLY(n)   ((n) / 10 * 8)  /* full */

struct warning_list {
	struct server *sv;
	const struct slots *sl;
	const struct status_facts *facts;
	struct buf *out;
	int n;
};

/* `remedy` is static; `grave`: clients are not served. */
static void __attribute__((format(printf, 4, 5)))
add_warning(struct warning_list *w, bool grave, const char *remedy, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buf_printf(
	    w->out, "%s{\"grave\":%s,\"text\":", w->n++ == 0 ? "" : ",", grave ? "true" : "false");
	json_write_string(w->out, slice_of(text));
	buf_puts(w->out, ",\"remedy\":");
	json_write_string(w->out, slice_of(remedy));
	buf_add_char(w->out, '}');
}

static void
warn_of_drain(struct warning_list *w)
{
	if (slots_drain(w->sl) != 0)
		add_warning(w, true,
		    "When it is to serve again: Cancel the drain, or pollux drain --cancel.",
		    "This machine is drained: it serves nobody, and tells its clients to come back "
		    "elsewhere.");
}

static void
warn_of_sessions(struct warning_list *w)
{
	size_t most = w->sv->cfg->sessions;

	if (w->facts->open_sessions >= (int64_t)most)
		add_warning(w, true, "Raise [limits] sessions, or add a node.",
		    "There are %" PRId64
		    " sessions, as many as [limits] sessions allows: new clients "
		    "are refused.",
		    w->facts->open_sessions);
	else if (w->facts->open_sessions > (int64_t)NEARLY(most))
		add_warning(w, false,
		    "Raise [limits] sessions, or add a node, before new clients are refused.",
		    "There are %" PRId64 " sessions, and [limits] sessions allows %zu.",
		    w->facts->open_sessions, most);
}

static void
warn_of_places(struct warning_list *w)
{
	for (int i = 0; i < PLACES_POOLS; i++) {
		enum places_pool pool = (enum places_pool)i;
		int64_t ago = places_last_refused(w->sl, pool, w->sv->now);
		struct places_figures f;

		places_figures(w->sl, pool, w->sv->now, &f);
		if (f.limit > 0 && ago < RECENTLY_MS)
			add_warning(w, true,
			    "Websockets need no place.  Else raise the budget as far as the host "
			    "allows "
			    "(docs/hosting.md, \"Polls and the host's limits\").",
			    "All %zu places for held requests of %s were taken %" PRId64
			    " seconds ago; %u clients wait for one.",
			    f.limit, places_pool_name(pool), ago / 1000,
			    waiters_count(w->sl, w->sv->now));
	}
}

static void
warn_of_hook(struct warning_list *w)
{
	const struct config *cfg = w->sv->cfg;
	int64_t events = slots_hook_events(w->sl), bytes = slots_hook_bytes(w->sl);

	if (cfg->hook_url[0] == '\0')
		return;
	if (events > (int64_t)NEARLY(cfg->hook_queue_events) ||
	    bytes > (int64_t)NEARLY(cfg->hook_queue_bytes))
		add_warning(w, true,
		    "See why the hook is slow or fails: its own log, and the lines with \"hook\" "
		    "below.  Sessions that fill the queue are ended.",
		    "The queue of the web hook is nearly full: %" PRId64 " events wait.", events);
	if (slots_hook_state(w->sl) == HOOK_STATE_PAUSED)
		add_warning(w, true,
		    "Start it, or correct [hook] url; pollux hook test tries it.  Meanwhile events "
		    "are "
		    "kept, and those that want an answer get none.",
		    "The web hook cannot be reached: one request every five seconds tries it.");
	if (slots_hook_state(w->sl) == HOOK_STATE_OFF)
		add_warning(w, true,
		    "Once it is there again, restart the programs, or have them read another "
		    "[hook] url.",
		    "The web hook has answered 410: it gets no more events.");
	if (w->facts->hook_dead > 0)
		add_warning(w, false,
		    "pollux events list --dead shows them, each with the error; pollux events "
		    "retry "
		    "sends them again, pollux events drop forgets them.",
		    "The web hook has failed for good on %" PRId64 " events.", w->facts->hook_dead);
	if (slots_hook_leader(w->sl) == -1 || !slots_alive(w->sl, slots_hook_leader(w->sl)))
		add_warning(w, events > 0,
		    "It should pass within seconds.  If it does not, start pollux-wsd or "
		    "pollux.fcgi.",
		    "No process delivers events to the web hook.");
}

static void
warn_of_store(struct warning_list *w)
{
	size_t most = w->sv->cfg->log_bytes;

	if (w->facts->log_held > (int64_t)NEARLY(most))
		add_warning(w, false,
		    "A process or a poll does not read: polls that are too far behind are ended. "
		    "Raise [store] log_bytes if there is memory for it.",
		    "The log of messages holds %" PRId64 " MiB of the %zu that [store] log_bytes "
		    "allows.",
		    w->facts->log_held >> 20, most >> 20);
	if (w->facts->unread > 10000)
		add_warning(w, false,
		    "One process is busy or stands still: see its CPU, and the lines of the log.",
		    "A process has not read the last %" PRId64 " messages.", w->facts->unread);
}

static void
warn_of_log(struct warning_list *w)
{
	const char *path = w->sv->cfg->log_file;

	if (path[0] != '\0' && access(path, W_OK) == -1)
		add_warning(w, false,
		    "Give the file to the user as whom Pollux runs, and send SIGHUP.",
		    "The log file %s cannot be written: %s.", path, strerror(errno));
}

static void
warn_of_versions(struct warning_list *w)
{
	struct slot_info info;
	int others = 0, serving = 0;

	for (int i = 0; i < slots_high(w->sl); i++) {
		if (!slots_info(w->sl, i, &info))
			continue;
		serving += info.kind == SERVER_WSD;
		others += strcmp(info.version, POLLUX_VERSION) != 0;
	}
	if (others > 0)
		add_warning(w, false, "Restart those that are older.",
		    "%d processes are of another version than %s.", others, POLLUX_VERSION);
	if (serving == 0)
		add_warning(w, false,
		    "Start pollux-wsd, if the host allows it: a websocket costs less than polls.",
		    "pollux-wsd does not run: clients have no websockets.");
}

static void
warn_of_link(struct warning_list *w)
{
	enum link_state state = link_figures_state(w->sl);

	if (!link_is_on(w->sv->hub) || state == LINK_STATE_UP)
		return;
	add_warning(w, true,
	    "Meanwhile this node serves its own clients.  See pollux-linkd's lines in the log, and "
	    "docs/cluster.md.",
	    "The link to the other nodes is %s.", link_figures_state_name(state));
}

void
status_warnings_write(struct server *sv, const struct status_facts *facts, struct buf *out)
{
	struct warning_list w = {
	    .sv = sv, .sl = store_slots(hub_store(sv->hub)), .facts = facts, .out = out};

	buf_puts(out, ",\"warnings\":[");
	warn_of_drain(&w);
	warn_of_sessions(&w);
	warn_of_places(&w);
	warn_of_hook(&w);
	warn_of_store(&w);
	warn_of_link(&w);
	warn_of_log(&w);
	warn_of_versions(&w);
	buf_add_char(out, ']');
}
