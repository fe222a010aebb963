/* Runs a list of actions. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/action/action.h"
#include "shared/action/application.h"
#include "shared/action/namespace.h"
#include "shared/action/ruling.h"
#include "shared/action/target.h"
#include "shared/base/log.h"
#include "shared/store/session_data.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"

/* A run in progress. */
struct run {
	struct application *app;
	const struct action_list *list;
	struct action_result *result;
	struct action_error *error;
};

static int
fail_action(const struct run *r, const struct action *a, const char *code, const char *message)
{
	*r->error = (struct action_error){.code = code, .index = (int)(a - r->list->actions)};
	snprintf(r->error->message, sizeof(r->error->message), "%s", message);
	return -1;
}

/* Once all is checked, only the store or memory can fail. */
static int
fail_action_turn(const struct run *r, const struct action *a)
{
	transaction_fail(r->app->hub);
	return fail_action(r, a, "failed", "the store failed, or memory ran out");
}

/* The session is at a limit: note it, and go on with the others. */
static void
note_refusal(const struct run *r, const struct action *a, int64_t key)
{
	const char *limit = a->kind == ACTION_JOIN    ? "rooms_per_session"
	                    : a->kind == ACTION_SET   ? "data_per_session"
	                    : a->kind == ACTION_AFTER ? "timers_per_session"
	                                              : "acks_per_session";
	struct action_error *first = &r->result->refusal;
	char id[SID_PUBLIC_LENGTH + 1];

	if (r->result->refused++ > 0)
		return;
	sid_public_write(id, key);
	*first = (struct action_error){.code = "limit", .index = (int)(a - r->list->actions)};
	snprintf(
	    first->message, sizeof(first->message), "session %s is at the limit %s", id, limit);
}

static struct hub_ns *
ns_of_action(const struct run *r, const struct action *a)
{
	struct ns *ns = namespace_find(r->app, a->ns);

	return ns == NULL ? NULL : &ns->hub;
}

static struct target
target_of_action(const struct run *r, const struct action *a)
{
	return (struct target){
	    .ns = ns_of_action(r, a),
	    .session = a->session,
	    .user = a->user,
	    .room = a->room,
	    .except = a->except_n == 0
	                  ? NULL
	                  : (const int64_t *)(const void *)r->list->except.p + a->except_at,
	    .except_n = a->except_n,
	    .is_volatile = a->is_volatile,
	    .mailbox_s = a->mailbox_s,
	};
}

/* --- checks --------------------------------------------------------------------------------- */

/* As target_reach(), for what the action does. */
static int
reach_session(const struct run *r, const struct action *a, struct hub_ns *ns, int64_t key,
    struct session **out)
{
	return a->kind == ACTION_DISCONNECT ? target_reach_to_end(r->app, ns, key, out)
	                                    : target_reach(r->app, ns, key, out);
}

static int
check_action(const struct run *r, const struct action *a)
{
	struct hub_ns *ns = ns_of_action(r, a);
	struct session *s;
	int result;

	if (ns == NULL)
		return fail_action(
		    r, a, "unknown_namespace", "the application has no such namespace");
	if (a->session == 0 || (!r->list->strict && !a->strict))
		return 0;
	result = reach_session(r, a, ns, a->session, &s);
	if (result == -EPIPE)
		return fail_action(r, a, "unknown_session",
		    "there is no such session, or it is not in the namespace");
	return result == 0 ? 0 : fail_action_turn(r, a);
}

/* --- packets -------------------------------------------------------------------------------- */

/* Count the sessions that a packet to `t` reaches, if the caller wants that. */
static int
count_receivers(const struct run *r, const struct target *t)
{
	struct buf keys = {.p = NULL};
	int result;

	if (!r->list->count)
		return 0;
	result = target_keys(r->app, t, &keys);
	r->result->receivers += keys.n / sizeof(int64_t);
	buf_free(&keys);
	return result;
}

static int
send_packet(const struct run *r, const struct action *a, struct packet *pk)
{
	struct target t = target_of_action(r, a);
	int result = target_send(r->app, &t, pk);

	if (result == TARGET_KEPT) {
		r->result->kept++;
		return 0;
	}
	if (result == -EPIPE) /* the session is gone: 0.9 reports no error then either */
		return 0;
	return result == 0 ? count_receivers(r, &t) : result;
}

/* An action, for note_unasked(). */
struct asking {
	const struct run *run;
	const struct action *action;
};

static void
note_unasked(void *arg, int64_t key)
{
	const struct asking *asking = arg;

	note_refusal(asking->run, asking->action, key);
}

/* Send the packet to every session of the target with an ack id of its own. */
static int
ask_all(const struct run *r, const struct action *a, enum packet_type type, struct slice args)
{
	struct target t = target_of_action(r, a);
	struct target_question q = {
	    .type = type,
	    .name = a->name,
	    .args = args,
	    .handler = a->handler,
	    .context = a->context,
	    .timeout_ms = a->timeout_ms,
	};
	struct asking asking = {r, a};
	int asked = target_ask_all(r->app, &t, &q, note_unasked, &asking);

	if (asked < 0)
		return asked;
	r->result->receivers += (size_t)asked;
	return 0;
}

static int
run_emit(const struct run *r, const struct action *a)
{
	struct packet pk = {.type = PACKET_EVENT};
	int result;

	if (a->handler.p != NULL)
		return ask_all(r, a, PACKET_EVENT, a->json);
	result = target_event_data(r->app, a->name, a->json, &pk.data);
	return result == 0 ? send_packet(r, a, &pk) : result;
}

static int
run_send(const struct run *r, const struct action *a)
{
	if (a->handler.p != NULL)
		return ask_all(r, a, PACKET_MESSAGE, a->text);
	return send_packet(r, a, &(struct packet){.type = PACKET_MESSAGE, .data = a->text});
}

/* Send a packet whose data is built from JSON. */
static int
run_built(const struct run *r, const struct action *a, enum packet_type type)
{
	struct buf data = {.p = NULL};
	struct packet pk = {.type = type};
	int result = -ENOMEM;

	if (type == PACKET_ACK)
		packet_ack_write(&data, a->id, a->json.p == NULL ? SLICE("[]") : a->json);
	else
		json_write_safe(&data, a->json);
	pk.data = buf_slice(&data);
	if (!data.failed)
		result = send_packet(r, a, &pk);
	buf_free(&data);
	return result;
}

/* PROTOCOL 5.2: the data is "2", "1+0" or "+0". */
static int
run_error(const struct run *r, const struct action *a)
{
	char data[16];

	snprintf(data, sizeof(data), "%.*d%s", a->reason >= 0, a->reason >= 0 ? a->reason : 0,
	    a->reconnect ? "+0" : "");
	return send_packet(r, a, &(struct packet){.type = PACKET_ERROR, .data = slice_of(data)});
}

/* --- sessions ------------------------------------------------------------------------------- */

static int
change_session(const struct run *r, const struct action *a, struct hub_ns *ns, struct session *s)
{
	struct hub *h = r->app->hub;
	int64_t key = session_key(s);

	switch (a->kind) {
	case ACTION_JOIN:
		return membership_join_history(h, s, ns, a->name, a->history);
	case ACTION_LEAVE:
		return membership_leave(h, s, ns, a->name);
	case ACTION_SET:
		return quota_set_value(h, key, a->name, a->json);
	case ACTION_DEL:
		return quota_delete_value(h, key, a->name);
	case ACTION_USER:
		return quota_set_user(h, key, a->name);
	case ACTION_AFTER:
		return quota_set_timer(
		    h, key, &(struct quota_timer){ns->name, a->name, a->context, a->timeout_ms});
	case ACTION_CANCEL:
		return quota_drop_timer(h, key, ns->name, a->name);
	case ACTION_DISCONNECT:
		if (ns->name.n == 0)
			session_end(h, s, a->text.p, true);
		else
			membership_kick(h, s, ns, a->text.p);
		return 0;
	case ACTION_EMIT:
	case ACTION_SEND:
	case ACTION_JSON:
	case ACTION_ACK:
	case ACTION_ERROR:
	case ACTION_ACCEPT:
	case ACTION_REFUSE:
		break;
	}
	return -1;
}

/* Change every session of the target. */
static int
change_sessions(const struct run *r, const struct action *a)
{
	struct hub_ns *ns = ns_of_action(r, a);
	struct target t = target_of_action(r, a);
	struct buf keys = {.p = NULL};
	struct session *s;
	int64_t key;
	int result = 0;

	/* not target_keys(), which knows members of the namespace only */
	if (a->kind == ACTION_DISCONNECT && t.session != 0 && t.except_n == 0)
		buf_add(&keys, &t.session, sizeof(t.session));
	else
		result = target_keys(r->app, &t, &keys);
	if (keys.failed)
		result = -ENOMEM;
	for (size_t i = 0; result == 0 && i < keys.n; i += sizeof(key)) {
		memcpy(&key, keys.p + i, sizeof(key));
		result = reach_session(r, a, ns, key, &s);
		if (result == 0 && transaction_open(r->app->hub) == 0 && !session_is_over(s)) {
			result = change_session(r, a, ns, s);
			r->result->receivers += result == 0;
		}
		if (result == -EDQUOT)
			note_refusal(r, a, key);
		if (result == -EPIPE || result == -EDQUOT)
			result = 0;
	}
	buf_free(&keys);
	return result;
}

/* Nobody may wait for it any more, which is no error. */
static int
run_ruling(const struct run *r, const struct action *a)
{
	int result = ruling_give(r->app, a->id,
	    &(struct ruling){.accepts = a->kind == ACTION_ACCEPT,
		.user = a->name,
		.data = a->json,
		.reason = a->text});

	return result == -EPIPE ? 0 : result;
}

static int
run_one(const struct run *r, const struct action *a)
{
	switch (a->kind) {
	case ACTION_EMIT:
		return run_emit(r, a);
	case ACTION_SEND:
		return run_send(r, a);
	case ACTION_JSON:
		return a->handler.p != NULL ? ask_all(r, a, PACKET_JSON, a->json)
		                            : run_built(r, a, PACKET_JSON);
	case ACTION_ACK:
		/* `later` may be empty: the client wanted no ack */
		return a->id.n == 0 ? 0 : run_built(r, a, PACKET_ACK);
	case ACTION_ERROR:
		return run_error(r, a);
	case ACTION_ACCEPT:
	case ACTION_REFUSE:
		return run_ruling(r, a);
	case ACTION_JOIN:
	case ACTION_LEAVE:
	case ACTION_SET:
	case ACTION_DEL:
	case ACTION_USER:
	case ACTION_DISCONNECT:
	case ACTION_AFTER:
	case ACTION_CANCEL:
		return change_sessions(r, a);
	}
	return -1;
}

int
action_run_check(
    struct application *app, const struct action_list *list, struct action_error *error)
{
	struct run r = {.app = app, .list = list, .error = error};

	for (size_t i = 0; i < list->n; i++)
		if (check_action(&r, &list->actions[i]) == -1)
			return -1;
	return 0;
}

int
action_run(struct application *app, const struct action_list *list, struct action_result *result,
    struct action_error *error)
{
	struct run r = {app, list, result, error};

	*result = (struct action_result){.actions = 0};
	/* check all before the first is done: all or nothing */
	if (action_run_check(app, list, error) == -1)
		return -1;
	for (size_t i = 0; i < list->n; i++) {
		if (run_one(&r, &list->actions[i]) != 0)
			return fail_action_turn(&r, &list->actions[i]);
		result->actions++;
	}
	return 0;
}

void
action_run_row(void *arg, int64_t row, struct slice json)
{
	static const struct action_context no_event = {.session = 0};
	struct action_list list;
	struct action_result result;
	struct action_error error;

	if (action_parse(&list, json, &no_event, &error) == -1 ||
	    action_run(arg, &list, &result, &error) == -1)
		log_warnx("action_in: row %lld: %s: %s", (long long)row, error.code, error.message);
	/* what was refused to a session that is at a limit is in the log already */
	action_free(&list);
}
