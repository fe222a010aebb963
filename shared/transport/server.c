#include "shared/transport/server.h"

#include <errno.h>
#include <stdlib.h>

#include "shared/action/event_relay.h"
#include "shared/action/token_keys.h"
#include "shared/app/module.h"
#include "shared/base/log.h"
#include "shared/hook/hook.h"
#include "shared/hub/timers.h"
#include "shared/store/folder.h"
#include "shared/transport/internal.h"
#include "shared/transport/place.h"
#include "shared/transport/publish_keys.h"
#include "shared/transport/relay.h"
#include "shared/transport/status.h"

/* --- opening and closing -------------------------------------------------------------------- */

/* The hub has rolled back. */
static void
take_back(void *arg)
{
	struct server *sv = arg;

	streaming_take_back(sv);
	if (sv->take_back != NULL)
		sv->take_back(sv->take_back_arg);
}

static struct hub_options
make_hub_options(struct server *sv)
{
	const struct config *cfg = sv->cfg;

	return (struct hub_options){
	    .kind = (int)sv->kind,
	    .maintains_last = sv->kind == SERVER_LINKD,
	    .prefers_kind = sv->kind == SERVER_WSD ? 0 : SERVER_WSD,
	    .folder = cfg->data,
	    .group = cfg->store_group,
	    .app = application_for_hub(sv->application),
	    .close_timeout_ms = cfg->close_timeout_ms,
	    .polling_duration_ms = cfg->polling_duration_ms,
	    .handshake_timeout_ms = cfg->handshake_timeout_ms,
	    .bad_packets = cfg->bad_packets,
	    .queue_packets = cfg->queue_packets,
	    .queue_bytes = cfg->queue_bytes,
	    .early_packets = cfg->early_packets,
	    .early_bytes = cfg->early_bytes,
	    .early_timeout_ms = cfg->early_timeout_ms,
	    .sessions = cfg->sessions,
	    .sessions_per_address = cfg->sessions_per_address,
	    .address_share_from = cfg->address_share_from,
	    .address_share = cfg->address_share,
	    .proxies = &sv->proxies,
	    .log_bytes = cfg->log_bytes,
	    .rooms_per_session = cfg->rooms_per_session,
	    .data_per_session = cfg->data_per_session,
	    .acks_per_session = cfg->acks_per_session,
	    .mailbox_messages = cfg->mailbox_messages,
	    .mailbox_bytes = cfg->mailbox_bytes,
	    .mailbox_total_bytes = cfg->mailbox_total_bytes,
	    .mailbox_ms = cfg->mailbox_ms,
	    .history = cfg->room_history,
	    .history_messages = cfg->history_messages,
	    .history_bytes = cfg->history_bytes,
	    .history_total_bytes = cfg->history_total_bytes,
	    .history_rooms = cfg->history_rooms,
	    .history_time_ms = cfg->room_history_time_ms,
	    .timers_per_session = cfg->timers_per_session,
	    .cluster = cfg->cluster_redis[0] != '\0',
	    .link_bytes = cfg->cluster_queue_bytes,
	    .link_timeout_ms = cfg->cluster_node_timeout_ms,
	    .linked = relay_heard_row,
	    .linked_arg = sv,
	    .rolled_back = take_back,
	    .rolled_back_arg = sv,
	};
}

static int
make_packets(struct server *sv)
{
	sv->heartbeat_packet = message_new(HEARTBEAT_PACKET);
	sv->disconnect_packet = message_new(DISCONNECT_PACKET);
	sv->unknown_session_packet = message_new(UNKNOWN_SESSION_PACKET);
	sv->reconnect_packet = message_new(RECONNECT_PACKET);
	if (sv->heartbeat_packet == NULL || sv->disconnect_packet == NULL ||
	    sv->unknown_session_packet == NULL || sv->reconnect_packet == NULL)
		return -1;
	return 0;
}

static void
read_proxies(struct server *sv)
{
	struct slice bad;

	/* it was checked when it was read */
	(void)proxies_parse(&sv->proxies, slice_of(sv->cfg->trusted_proxies), &bad);
}

/* 0, or -1 after logging why; the old keys stay. */
static int
read_publish_keys(struct server *sv)
{
	struct publish_keys *keys = NULL;

	if (sv->cfg->publish_enabled) {
		keys = publish_keys_open(sv->cfg->publish_keys, sv->cfg->data);
		if (keys == NULL)
			return -1;
	}
	publish_keys_close(sv->publish_keys);
	sv->publish_keys = keys;
	return 0;
}

/* The same for [auth]; a file of keys may have changed. */
static int
read_token_keys(struct server *sv)
{
	struct token_keys *keys = token_keys_open(sv->cfg->jwt_secret, sv->cfg->jwt_public_key);

	if (keys == NULL)
		return -1;
	token_keys_close(sv->token_keys);
	sv->token_keys = keys;
	return 0;
}

static struct server *
make_server(const struct config *cfg, enum server_kind kind)
{
	struct server *sv = calloc(1, sizeof(*sv));

	if (sv == NULL)
		return NULL;
	sv->cfg = cfg;
	read_proxies(sv);
	sv->kind = kind;
	sv->serve_here = server_request_here;
	TAILQ_INIT(&sv->polls);
	TAILQ_INIT(&sv->delayed);
	TAILQ_INIT(&sv->streams);
	LIST_INIT(&sv->unsettled);
	TAILQ_INIT(&sv->late_posts);
	LIST_INIT(&sv->handshakes);
	TAILQ_INIT(&sv->beating);
	TAILQ_INIT(&sv->waiting);
	return sv;
}

struct server *
server_open(const struct config *cfg, enum server_kind kind)
{
	struct server *sv = make_server(cfg, kind);
	struct hub_options options;
	int reason = 0;

	if (sv == NULL)
		return NULL;
	if (make_packets(sv) == -1 || server_check_transports(cfg, &sv->enabled) == -1 ||
	    server_check_linked(cfg) == -1)
		goto fail;
	server_check_unused(cfg);
	if (read_publish_keys(sv) == -1 || read_token_keys(sv) == -1)
		goto fail;
	/* before the hub, whose options hold the application's functions */
	sv->application =
	    cfg->hook_url[0] != '\0' ? hook_open(cfg) : module_open(cfg->module, config_node(cfg));
	if (sv->application == NULL || event_relay_open(sv->application, cfg) == -1)
		goto fail;
	status_live_open(sv);
	sv->application->verdict_timeout_ms = cfg->authorize_timeout_ms;
	options = make_hub_options(sv);
	sv->hub = hub_open(&options);
	if (sv->hub == NULL) {
		reason = errno;
		goto fail;
	}
	if (relay_open(sv) == -1)
		goto fail;
	/* in the folder that the hub has made */
	sv->ways = ways_open(cfg->data, folder_file_mode(cfg->store_group));
	if (sv->ways == NULL)
		goto fail;
	application_set_hub(sv->application, sv->hub);
	place_open(sv);
	return sv;
fail:
	server_close(sv);
	errno = reason;
	return NULL;
}

void
server_reload(struct server *sv)
{
	struct hub_options options = make_hub_options(sv);

	read_proxies(sv);
	(void)read_publish_keys(sv);
	(void)read_token_keys(sv);
	hub_reload(sv->hub, &options);
	application_reload(sv->application);
	sv->application->verdict_timeout_ms = sv->cfg->authorize_timeout_ms;
	(void)event_relay_open(sv->application, sv->cfg);
	polling_reload(sv);
	streaming_reload(sv);
	heartbeat_reload(sv);
	place_open(sv);
}

void
server_close(struct server *sv)
{
	if (sv == NULL)
		return;
	/* what the application has under way may still call the hub, and the hub the application:
	 * stop, then close in this order */
	if (sv->hub != NULL)
		application_stop(sv->application);
	relay_close(sv);
	hub_close(sv->hub);
	application_close(sv->application);
	publish_keys_close(sv->publish_keys);
	token_keys_close(sv->token_keys);
	ways_close(sv->ways);
	message_release(sv->heartbeat_packet);
	message_release(sv->disconnect_packet);
	message_release(sv->unknown_session_packet);
	message_release(sv->reconnect_packet);
	free(sv->pending);
	buf_free(&sv->pending_bytes);
	buf_free(&sv->text);
	buf_free(&sv->wrapped);
	buf_free(&sv->headers);
	free(sv);
}

/* --- what the program asks ------------------------------------------------------------------ */

int
server_wake_fd(const struct server *sv)
{
	return hub_wake_fd(sv->hub);
}

struct hub *
server_hub(struct server *sv)
{
	return sv->hub;
}

void
server_count_refused(struct server *sv)
{
	server_count(sv, COUNT_REFUSED_CONNECTIONS);
}

struct application *
server_application(struct server *sv)
{
	return sv->application;
}

const struct proxies *
server_proxies(const struct server *sv)
{
	return &sv->proxies;
}

void
server_begin(struct server *sv, int64_t now_ms)
{
	sv->now = now_ms;
	hub_turn_begin(sv->hub, now_ms);
}

void
server_wake(struct server *sv)
{
	hub_turn_wake(sv->hub);
	application_wake(sv->application);
}

int
server_application_fd(const struct server *sv)
{
	return application_fd(sv->application);
}

void
server_application_woken(struct server *sv)
{
	/* what has arrived may need the store.  See whether it can be had, but do not hold up other
	 * processes while the answer is read */
	if (server_try(sv))
		transaction_let_go(sv->hub);
}

bool
server_is_busy(const struct server *sv)
{
	return application_is_busy(sv->application);
}

bool
server_is_outdated(const struct server *sv)
{
	return hub_is_outdated(sv->hub);
}

bool
server_is_spare(struct server *sv)
{
	return place_is_spare(sv);
}

unsigned
server_held(const struct server *sv)
{
	return hub_held(sv->hub);
}

bool
server_try(struct server *sv)
{
	return server_has_store(sv);
}

bool
server_waits(const struct server *sv)
{
	return hub_waits(sv->hub);
}

bool
server_requests_wait(const struct server *sv)
{
	return hub_waits(sv->hub) && !transaction_gave_up(sv->hub) && !sv->draining;
}

void
server_refuse(struct server *sv, struct exchange *x, int status, const char *sentence)
{
	if (status == 413)
		server_count(sv, COUNT_REFUSED_TOO_LARGE);
	answer_error(sv, x, status, sentence);
}

/* --- the turn ------------------------------------------------------------------------------- */

static void
keep_earlier(int64_t *next_ms, int64_t due)
{
	if (due < *next_ms)
		*next_ms = due;
}

/* What adds work to a turn by itself: verdicts and actions of the application, and deadlines.
 * Return when the next is due. */
static int64_t
run_due_work(struct server *sv)
{
	int64_t next = INT64_MAX;

	/* first: what was waited for may be served here */
	keep_earlier(&next, relay_turn_run(sv));
	application_run(sv->application);
	post_run(sv);
	keep_earlier(&next, polling_expire(sv));
	/* the streams before the heartbeats, which need not beat for those */
	keep_earlier(&next, streaming_expire(sv));
	keep_earlier(&next, heartbeat_expire(sv));
	keep_earlier(&next, status_live_run(sv));
	return next;
}

int
server_settle(struct server *sv, int64_t *next_ms)
{
	int64_t due = INT64_MAX, wanted;
	int result;

	relay_turn_hear(sv);
	if (polling_is_due(sv) || streaming_is_due(sv) || heartbeat_is_due(sv) ||
	    relay_turn_is_due(sv))
		server_try(sv);
	else if (sv->application_due <= sv->now)
		server_application_woken(sv);
	/* all of it needs the store, and can wait for it */
	if (!hub_waits(sv->hub) || sv->draining)
		due = run_due_work(sv);
	/* commit, and only then answer what reports it */
	result = hub_turn_end(sv->hub, next_ms);
	if (result == -1)
		log_limited(
		    LOG_LEVEL_WARN, "a turn was rolled back: its requests are answered 503");
	answer_settle(sv, result == 0);
	post_settle(sv, result == 0);
	if (!LIST_EMPTY(&sv->unsettled))
		streaming_settle(sv);
	keep_earlier(next_ms, due);
	keep_earlier(next_ms, relay_turn_settle(sv, result == 0));
	/* last: requests to a hook leave only with events that are committed */
	wanted = application_settled(sv->application, result == 0);
	sv->application_due = wanted;
	if (!hub_waits(sv->hub))
		keep_earlier(next_ms, wanted);
	return result;
}

void
server_on_rollback(struct server *sv, void (*undo)(void *arg), void *arg)
{
	sv->take_back = undo;
	sv->take_back_arg = arg;
}

bool
server_takes_back(const struct server *sv, const struct message *m)
{
	return part_takes_back(sv->hub, m);
}

void
server_drain(struct server *sv)
{
	/* first: a client that comes back at once must not be held again */
	sv->draining = true;
	polling_drain(sv);
	post_drain(sv);
	/* ends all streams and websockets, which have one each */
	heartbeat_drain(sv);
	handshake_request_drain(sv);
	relay_turn_drain(sv);
	timers_leave(sv->hub);
	/* last: the ends of the sessions are events for the application */
	application_drain(sv->application);
}

void
server_hand_over(struct server *sv)
{
	/* first: a client that comes back at once must not be held again */
	sv->leaving = true;
	polling_drain(sv);
	post_drain(sv);
}

void
server_keep(struct server *sv)
{
	sv->leaving = false;
}

void
server_send_off(struct server *sv)
{
	sv->sends_off = true;
}

bool
server_can_join(const struct config *cfg)
{
	return store_can_join(cfg->data);
}
