#include "shared/hook/hook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/hook/deliver.h"
#include "shared/hook/internal.h"
#include "shared/hook/ticker.h"
#include "shared/store/message_log.h"
#include "shared/store/slots.h"
#include "shared/wire/json.h"

/* --- events into the queue ------------------------------------------------------------------ */

/* Log that the queue is full: once, until it has room again. */
static void
watch_queue(struct hook *hook)
{
	const struct slots *slots = store_slots(hub_store(hook->base.hub));
	bool full = share_queue_is_full(hook);

	if (full && !hook->is_full)
		log_limited(LOG_LEVEL_WARN,
		    "hook %s: the queue is full (%lld events): sessions that have events waiting "
		    "and send more are ended; at twice as many, new ones are refused",
		    hook_http_name(hook->http), (long long)slots_hook_events(slots));
	hook->is_full = full;
}

/* Queue hook->body as an event. */
static void
add_hook_row(struct hook *hook, int64_t key, struct slice ns, struct slice ack)
{
	struct hook_row row = {
	    .key = key,
	    .ns = ns,
	    .ack = ack,
	    .time = clock_wall_ms(),
	    .created = hub_now(hook->base.hub),
	    .body = buf_slice(&hook->body),
	};

	if (hook->body.failed || hook_queue_add(hub_store(hook->base.hub), &row) == -1)
		transaction_fail(hook->base.hub);
	deliver_rescan(hook->delivery, true);
}

/* The same of the session in this namespace. */
static void
queue_hook_event(struct hook *hook, const struct hub_ns *ns, struct session *s, struct slice ack)
{
	add_hook_row(hook, session_key(s), ns->name, ack);
}

/* Can an event of this session be queued?  Not after another process has ended it: its disconnect
 * is the last event. */
static bool
can_report(struct hook *hook, struct session *s)
{
	return transaction_open(hook->base.hub) == 0 && !session_is_over(s);
}

/* May the client do more?  If not it has been ended. */
static bool
has_room(struct hook *hook, struct session *s)
{
	watch_queue(hook);
	if (share_allows(hook, s))
		return true;
	session_end(hook->base.hub, s, "queue overflow", false);
	return false;
}

/* Queue what the client has done, which takes room. */
static void
report_event(struct hook *hook, const struct hub_ns *ns, struct session *s, struct slice ack)
{
	if (!can_report(hook, s) || !has_room(hook, s))
		return;
	/* before it is queued: the rows are counted when the share is opened */
	share_add(hook, s, hook->body.n);
	queue_hook_event(hook, ns, s, ack);
}

/* Do the actions that came with the verdict, before any event of the namespace they join. */
static void
run_admission(struct hook *hook, const struct hub_ns *ns, struct session *s)
{
	char *kept;

	/* a join is asked in this process, so its verdict is at hand */
	if (ns->name.n > 0) {
		if (hook->admission != NULL && hook->admission->actions != NULL)
			hook_reply_run_actions(
			    hook, session_key(s), ns->name, hook->admission->actions);
		return;
	}
	if (!hook->cfg->hook_authorize || transaction_open(hook->base.hub) == -1)
		return;
	/* another process may have made the session: the handshake's actions are in the store */
	kept = hook_queue_take_deferred(hub_store(hook->base.hub), session_key(s));
	if (kept != NULL)
		hook_reply_run_actions(hook, session_key(s), ns->name, kept);
	free(kept);
}

static void
hook_on_connected(void *arg, struct hub_ns *ns, struct session *s, struct slice query)
{
	struct hook *hook = hook_of(arg);
	const char *transport = route_transport_name(session_transport(s));
	struct slice none = {NULL, 0};

	run_admission(hook, ns, s);
	if (!hook_event_is_wanted(hook->cfg->hook_events, "connect", none) || session_is_over(s))
		return;
	buf_clear(&hook->body);
	hook_event_write_connect(&hook->body, transport == NULL ? "" : transport, query);
	report_event(hook, ns, s, none);
}

/* Queued even when the queue is full: there is one for each joining of a namespace, and the client
 * had to have room for that. */
static void
hook_on_disconnected(void *arg, struct hub_ns *ns, struct session *s, const char *reason)
{
	struct hook *hook = hook_of(arg);
	struct slice none = {NULL, 0};

	if (ns->name.n == 0)
		share_forget(hook, session_key(s));
	if (!hook_event_is_wanted(hook->cfg->hook_events, "disconnect", none) ||
	    !can_report(hook, s))
		return;
	buf_clear(&hook->body);
	hook_event_write_disconnect(&hook->body, reason);
	/* one that joins and leaves, joins and leaves; not one that ends */
	if (ns->name.n > 0)
		share_add(hook, s, hook->body.n);
	queue_hook_event(hook, ns, s, none);
}

/* Write the packet as an event into hook->body.  False: it is not on the list of events. */
static bool
write_packet_event(struct hook *hook, const struct packet *pk)
{
	const char *list = hook->cfg->hook_events;
	struct json_value value;
	struct event event;
	struct slice none = {NULL, 0};

	if (pk->type == PACKET_MESSAGE) {
		hook_event_write_message(&hook->body, pk->data);
		return hook_event_is_wanted(list, "message", none);
	}
	if (pk->type == PACKET_JSON) {
		if (!hook_event_is_wanted(list, "json", none) || json_parse(&value, pk->data) == -1)
			return false; /* PROTOCOL 5.5: ignored */
		hook_event_write_json(&hook->body, value.text);
		return true;
	}
	if (packet_event(&event, pk->data, &hook->event) == -1 ||
	    slice_is(event.name, "disconnect") || !hook_event_is_wanted(list, "event", event.name))
		return false; /* PROTOCOL 5.7: the blacklist */
	hook_event_write_named(&hook->body, event.name, event.args);
	return true;
}

static void
hook_on_received(void *arg, struct hub_ns *ns, struct session *s, const struct packet *pk)
{
	struct hook *hook = hook_of(arg);
	bool wants_ack = pk->ack_data && pk->id.n > 0;

	buf_clear(&hook->body);
	if (!write_packet_event(hook, pk))
		return; /* an event that is not listed opens no transaction */
	if (session_streams_here(s) && transaction_try(hook->base.hub) == -1)
		receive_later(hook->base.hub);
	else
		report_event(hook, ns, s, wants_ack ? pk->id : (struct slice){NULL, 0});
}

static void
hook_on_answered(
    void *arg, struct hub_ns *ns, struct session *s, const struct ack_row *ack, struct slice args)
{
	struct hook *hook = hook_of(arg);
	struct slice none = {NULL, 0};

	if (!hook_event_is_wanted(hook->cfg->hook_events, "ack", none))
		return;
	buf_clear(&hook->body);
	hook_event_write_ack(&hook->body, ack, args);
	report_event(hook, ns, s, none);
}

static void
hook_on_timer(
    void *arg, struct hub_ns *ns, struct session *s, struct slice name, struct slice context)
{
	struct hook *hook = hook_of(arg);
	struct slice none = {NULL, 0};

	if (!hook_event_is_wanted(hook->cfg->hook_events, "timer", none))
		return;
	buf_clear(&hook->body);
	hook_event_write_timer(&hook->body, name, context);
	report_event(hook, ns, s, none);
}

/* Events of one user come in their order, whichever session each is about: they have a lane of
 * their own.  Queued even when the queue is full, as those of disconnecting are. */
static void
hook_on_user_changed(void *arg, int64_t key, struct slice user, bool arrives)
{
	struct hook *hook = hook_of(arg);
	struct hub *hub = hook->base.hub;
	struct buf data = {.p = NULL};
	struct slice none = {NULL, 0};

	if (!hook_event_is_wanted(
		hook->cfg->hook_events, arrives ? "user_connect" : "user_disconnect", none))
		return;
	buf_clear(&hook->body);
	if (hook_body_write_values(&data, hook, key) == -1 || data.failed)
		transaction_fail(hub);
	hook_event_write_user(&hook->body, key, user, arrives, buf_slice(&data));
	buf_free(&data);
	add_hook_row(hook, message_log_channel(SLICE("user"), user), SLICE(""), none);
}

static bool
hook_on_tick(void *arg, int64_t *next_ms)
{
	return ticker_run(hook_of(arg)->ticker, next_ms);
}

/* --- authorization -------------------------------------------------------------------------- */

/* The question itself was asked by the transport before it called the hub. */
static int
hook_on_authorize(void *arg, const char *handshake)
{
	struct hook *hook = hook_of(arg);

	(void)handshake;
	if (share_queue_is_closed(hook))
		return -EAGAIN;
	return hook->cfg->hook_authorize && hook->admission == NULL ? -EPROTO : 0;
}

static int
hook_on_admits(void *arg)
{
	return share_queue_is_closed(hook_of(arg)) ? -EAGAIN : 0;
}

static int
hook_on_created(void *arg, int64_t key)
{
	struct hook *hook = hook_of(arg);
	const struct hook_admission *a = hook->admission;

	if (a == NULL)
		return 0;
	if (admission_apply(&hook->base, key, &a->words) == -1)
		return -1;
	return a->actions == NULL
	           ? 0
	           : hook_queue_defer(hub_store(hook->base.hub), key, slice_of(a->actions));
}

static int
hook_on_authorize_ns(
    void *arg, struct hub_ns *ns, struct session *s, struct slice endpoint, struct slice query)
{
	struct hook *hook = hook_of(arg);

	/* joining queues events, even if only that of leaving is listed */
	if (!can_report(hook, s) || !has_room(hook, s))
		return -EAGAIN;
	return hook->cfg->hook_authorize_namespaces
	           ? hook_ask_namespace(hook, ns, s, endpoint, query)
	           : 0;
}

/* --- settings ------------------------------------------------------------------------------- */

static struct hook_http_options
hook_http_settings(const struct config *cfg)
{
	return (struct hook_http_options){
	    .url = cfg->hook_url,
	    .secrets = cfg->hook_secret,
	    .connect_timeout_ms = cfg->hook_connect_timeout_ms,
	    .connections = cfg->hook_max_in_flight,
	};
}

/* --- the table of application.h ------------------------------------------------------------- */

static int
hook_fd(const struct application *app)
{
	return hook_http_fd(hook_of_const(app)->http);
}

static void
hook_run(struct application *app)
{
	struct hook *hook = hook_of(app);

	/* replies first: they free places for what waits */
	hook_http_run(hook->http, hub_now(app->hub));
	hook_ask_run(hook);
	deliver_run(hook->delivery);
	/* after the replies: by them some have room again */
	share_run(hook);
}

static void
hook_wake(struct application *app)
{
	struct hook *hook = hook_of(app);

	hook->shares.woken = true;
	deliver_rescan(hook->delivery, false);
}

static int64_t
hook_settled(struct application *app, bool committed)
{
	struct hook *hook = hook_of(app);
	int64_t next = deliver_settled(hook->delivery, committed), other = hook_ask_next(hook);

	if (other < next)
		next = other;
	other = share_settled(hook);
	if (other < next)
		next = other;
	other = hook_http_next(hook->http);
	return other < next ? other : next;
}

static void
hook_drain(struct application *app)
{
	deliver_drain(hook_of(app)->delivery);
}

static bool
hook_is_busy(const struct application *app)
{
	return deliver_is_busy(hook_of_const(app)->delivery) ||
	       ticker_is_busy(hook_of_const(app)->ticker);
}

static bool
hook_slows(const struct application *app, int64_t key)
{
	return share_is_slowed(hook_of_const(app), key);
}

static bool
hook_asks(const struct application *app)
{
	return hook_of_const(app)->cfg->hook_authorize;
}

static void
hook_reload(struct application *app)
{
	struct hook *hook = hook_of(app);
	struct hook_http_options options = hook_http_settings(hook->cfg);

	/* verdicts of the old hook are not those of the new one */
	if (hook_http_change(hook->http, &options)) {
		hook_cache_free(hook);
		hook->generation++; /* nor those that are on their way */
		deliver_elsewhere(hook->delivery);
		ticker_elsewhere(hook->ticker);
	}
	hook_ask_reload(hook);
}

static void
hook_stop(struct application *app)
{
	struct hook *hook = hook_of(app);

	hook_ask_close(hook);
	ticker_stop(hook->ticker);
	deliver_stop(hook->delivery);
}

static void
hook_close(struct application *app)
{
	struct hook *hook = hook_of(app);

	ticker_close(hook->ticker);
	deliver_close(hook->delivery);
	share_close(&hook->shares);
	hook_http_close(hook->http);
	hook_cache_free(hook);
	buf_free(&hook->body);
	buf_free(&hook->event);
	application_free(app);
	free(hook);
}

static const struct application_ops hook_ops = {
    .hub =
	{
	    .authorize = hook_on_authorize,
	    .authorize_ns = hook_on_authorize_ns,
	    .admits = hook_on_admits,
	    .created = hook_on_created,
	    .connected = hook_on_connected,
	    .disconnected = hook_on_disconnected,
	    .received = hook_on_received,
	    .answered = hook_on_answered,
	    .user_changed = hook_on_user_changed,
	    .timer = hook_on_timer,
	    .tick = hook_on_tick,
	    .act = action_run_row,
	},
    .close = hook_close,
    .stop = hook_stop,
    .drain = hook_drain,
    .reload = hook_reload,
    .fd = hook_fd,
    .wake = hook_wake,
    .run = hook_run,
    .settled = hook_settled,
    .is_busy = hook_is_busy,
    .slows = hook_slows,
    .authorizes = hook_asks, /* it decides if it is asked */
    .asks = hook_asks,
    .ask = hook_ask_handshake,
    .cancel = hook_ask_cancel,
};

/* --- opening -------------------------------------------------------------------------------- */

static int
open_hook_namespaces(struct hook *hook)
{
	struct slice rest = slice_of(hook->cfg->hook_namespaces), name;

	if (namespace_open(&hook->base, SLICE("")) == NULL)
		return -1;
	while (hook->cfg->hook_namespaces[0] != '\0' && slice_cut(&rest, ',', &name))
		if (namespace_open(&hook->base, name) == NULL) {
			log_errx("[hook] namespaces: \"%.*s\" is not a valid namespace",
			    (int)name.n, name.p);
			return -1;
		}
	return 0;
}

static int
check_hook_events(const struct config *cfg)
{
	struct slice wrong;

	if (hook_event_list_is_valid(cfg->hook_events, &wrong))
		return 0;
	log_errx(
	    "[hook] events: \"%.*s\" is not connect, disconnect, message, json, ack, timer, event, "
	    "event:NAME, event:PREFIX*, user_connect or user_disconnect",
	    (int)wrong.n, wrong.p);
	return -1;
}

struct application *
hook_open(const struct config *cfg)
{
	struct hook *hook = calloc(1, sizeof(*hook));
	struct hook_http_options options = hook_http_settings(cfg);

	if (hook == NULL)
		return NULL;
	application_init(&hook->base, &hook_ops);
	hook->cfg = cfg;
	TAILQ_INIT(&hook->questions);
	if (config_node(cfg)[0] != '\0')
		snprintf(hook->node, sizeof(hook->node), "%s", config_node(cfg));
	else if (gethostname(hook->node, sizeof(hook->node) - 1) == -1)
		hook->node[0] = '\0';
	hook->delivery = deliver_open(hook);
	hook->ticker = ticker_open(hook);
	hook->http = hook_http_open(&options);
	if (hook->delivery == NULL || hook->ticker == NULL || hook->http == NULL ||
	    open_hook_namespaces(hook) == -1 || check_hook_events(cfg) == -1) {
		application_close(&hook->base);
		return NULL;
	}
	return &hook->base;
}
