/* Doing what a list of actions says. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "shared/action/action.h"
#include "shared/action/application.h"
#include "shared/action/namespace.h"
#include "shared/action/target.h"
#include "shared/base/log.h"
#include "shared/wire/json.h"

/* A run in progress. */
struct run {
	struct application *app;
	const struct action_list *list;
	struct action_result *result;
	struct action_error *error;
};

static int
fail(const struct run *r, const struct action *a, const char *code, const char *message)
{
	*r->error = (struct action_error){.code = code, .index = (int)(a - r->list->actions)};
	snprintf(r->error->message, sizeof(r->error->message), "%s", message);
	return -1;
}

/* Nothing but the store, or memory, can fail once all was checked. */
static int
fail_turn(const struct run *r, const struct action *a)
{
	hub_fail(r->app->hub);
	return fail(r, a, "failed", "the store has failed, or there is no memory");
}

static struct hub_ns *
ns_of(const struct run *r, const struct action *a)
{
	struct ns *ns = namespace_find(r->app, a->ns);

	return ns == NULL ? NULL : &ns->hub;
}

static struct target
target_of(const struct run *r, const struct action *a)
{
	return (struct target){
	    .ns = ns_of(r, a),
	    .session = a->session,
	    .user = a->user,
	    .room = a->room,
	    .except = a->except_n == 0
	                  ? NULL
	                  : (const int64_t *)(const void *)r->list->except.p + a->except_at,
	    .except_n = a->except_n,
	    .is_volatile = a->is_volatile,
	};
}

/* --- before anything is done ----------------------------------------------------------------- */

static int
check(const struct run *r, const struct action *a)
{
	struct hub_ns *ns = ns_of(r, a);
	struct session *s;
	int result;

	if (ns == NULL)
		return fail(r, a, "unknown_namespace", "the application has no such namespace");
	if (a->session == 0 || (!r->list->strict && !a->strict))
		return 0;
	result = target_reach(r->app, ns, a->session, &s);
	if (result == -EPIPE)
		return fail(r, a, "unknown_session",
		    "there is no such session, or it is not in the namespace");
	return result == 0 ? 0 : fail_turn(r, a);
}

/* --- packets --------------------------------------------------------------------------------- */

/* Count who is reached by a packet to `t`, if that is wanted. */
static int
count(const struct run *r, const struct target *t)
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
send_one(const struct run *r, const struct action *a, struct packet *pk)
{
	struct target t = target_of(r, a);
	int result = target_send(r->app, &t, pk);

	if (result == -EPIPE) /* it has gone: 0.9 says nothing then either */
		return 0;
	return result == 0 ? count(r, &t) : result;
}

/* Ask every session of the target for an answer. */
static int
ask(const struct run *r, const struct action *a)
{
	struct target t = target_of(r, a);
	struct target_question q = {
	    .ns = t.ns,
	    .name = a->name,
	    .args = a->json,
	    .handler = a->handler,
	    .context = a->context,
	    .timeout_ms = a->timeout_ms,
	};
	struct buf keys = {.p = NULL};
	int result = target_keys(r->app, &t, &keys);

	for (size_t i = 0; result == 0 && i < keys.n; i += sizeof(q.session)) {
		memcpy(&q.session, keys.p + i, sizeof(q.session));
		result = target_ask(r->app, &q);
		if (result == 0)
			r->result->receivers++;
		else if (result == -EPIPE)
			result = 0;
	}
	buf_free(&keys);
	return result;
}

static int
emit(const struct run *r, const struct action *a)
{
	struct packet pk = {.type = PACKET_EVENT};
	int result;

	if (a->handler.p != NULL)
		return ask(r, a);
	result = target_event_data(r->app, a->name, a->json, &pk.data);
	return result == 0 ? send_one(r, a, &pk) : result;
}

static int
send_text(const struct run *r, const struct action *a)
{
	return send_one(r, a, &(struct packet){.type = PACKET_MESSAGE, .data = a->text});
}

/* Send a packet whose data is made of JSON. */
static int
send_built(const struct run *r, const struct action *a, enum packet_type type)
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
		result = send_one(r, a, &pk);
	buf_free(&data);
	return result;
}

/* PROTOCOL 5.2: 2, 1+0, +0 */
static int
send_error(const struct run *r, const struct action *a)
{
	char data[16];

	snprintf(data, sizeof(data), "%.*d%s", a->reason >= 0, a->reason >= 0 ? a->reason : 0,
	    a->reconnect ? "+0" : "");
	return send_one(r, a, &(struct packet){.type = PACKET_ERROR, .data = slice_of(data)});
}

/* --- sessions -------------------------------------------------------------------------------- */

static int
change(const struct run *r, const struct action *a, struct hub_ns *ns, struct session *s)
{
	struct hub *h = r->app->hub;
	struct store *st = hub_store(h);
	int64_t key = session_key(s);

	switch (a->kind) {
	case ACTION_JOIN:
		return hub_join(h, s, ns, a->name);
	case ACTION_LEAVE:
		return hub_leave(h, s, ns, a->name);
	case ACTION_SET:
		return store_set(st, key, a->name, a->json);
	case ACTION_DEL:
		return store_del(st, key, a->name);
	case ACTION_USER:
		return store_session_set_user(st, key, a->name);
	case ACTION_DISCONNECT:
		if (ns->name.n == 0)
			hub_end(h, s, a->text.p, true);
		else
			hub_kick(h, s, ns, a->text.p);
		return 0;
	case ACTION_EMIT:
	case ACTION_SEND:
	case ACTION_JSON:
	case ACTION_ACK:
	case ACTION_ERROR:
		break;
	}
	return -1;
}

/* Change every session of the target. */
static int
change_all(const struct run *r, const struct action *a)
{
	struct hub_ns *ns = ns_of(r, a);
	struct target t = target_of(r, a);
	struct buf keys = {.p = NULL};
	struct session *s;
	int64_t key;
	int result = target_keys(r->app, &t, &keys);

	for (size_t i = 0; result == 0 && i < keys.n; i += sizeof(key)) {
		memcpy(&key, keys.p + i, sizeof(key));
		result = target_reach(r->app, ns, key, &s);
		if (result == 0 && hub_transaction(r->app->hub) == 0 && !session_is_over(s)) {
			result = change(r, a, ns, s);
			r->result->receivers++;
		}
		if (result == -EPIPE)
			result = 0;
	}
	buf_free(&keys);
	return result;
}

static int
perform(const struct run *r, const struct action *a)
{
	switch (a->kind) {
	case ACTION_EMIT:
		return emit(r, a);
	case ACTION_SEND:
		return send_text(r, a);
	case ACTION_JSON:
		return send_built(r, a, PACKET_JSON);
	case ACTION_ACK:
		return send_built(r, a, PACKET_ACK);
	case ACTION_ERROR:
		return send_error(r, a);
	case ACTION_JOIN:
	case ACTION_LEAVE:
	case ACTION_SET:
	case ACTION_DEL:
	case ACTION_USER:
	case ACTION_DISCONNECT:
		return change_all(r, a);
	}
	return -1;
}

int
action_run_check(
    struct application *app, const struct action_list *list, struct action_error *error)
{
	struct run r = {.app = app, .list = list, .error = error};

	for (size_t i = 0; i < list->n; i++)
		if (check(&r, &list->actions[i]) == -1)
			return -1;
	return 0;
}

int
action_run(struct application *app, const struct action_list *list, struct action_result *result,
    struct action_error *error)
{
	struct run r = {app, list, result, error};

	*result = (struct action_result){0, 0};
	if (action_run_check(app, list, error) == -1)
		return -1;
	for (size_t i = 0; i < list->n; i++) {
		if (perform(&r, &list->actions[i]) != 0)
			return fail_turn(&r, &list->actions[i]);
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
	action_free(&list);
}
