#include "shared/action/target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/action/application.h"
#include "shared/base/keys.h"
#include "shared/base/log.h"
#include "shared/hub/history.h"
#include "shared/hub/link.h"
#include "shared/hub/mail.h"
#include "shared/store/message_log.h"
#include "shared/store/subscription.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

/* --- sessions ------------------------------------------------------------------------------- */

int
target_reach(struct application *app, const struct hub_ns *ns, int64_t key, struct session **out)
{
	struct session *s = app->current;

	/* cheapest first: the handler's own session, a stream of this process, the store */
	if (s == NULL || session_key(s) != key)
		s = session_stream_here(app->hub, key);
	if (s == NULL) {
		switch (session_find_key(app->hub, key, &s)) {
		case SESSION_LIVE:
			break;
		case SESSION_UNKNOWN:
		case SESSION_ELSEWHERE: /* only by its secret id */
		case SESSION_ENDED:
			return -EPIPE;
		case SESSION_FAILED:
			return -EIO;
		}
	}
	*out = s;
	return session_is_over(s) || !membership_hears(s, ns) ? -EPIPE : 0;
}

int
target_reach_to_end(
    struct application *app, const struct hub_ns *ns, int64_t key, struct session **out)
{
	int result = target_reach(app, ns, key, out);

	if (result != -EPIPE || ns->name.n > 0)
		return result;
	switch (session_find_key(app->hub, key, out)) {
	case SESSION_LIVE:
		return session_is_connected(*out) ? -EPIPE : 0;
	case SESSION_UNKNOWN:
	case SESSION_ELSEWHERE:
	case SESSION_ENDED:
		return -EPIPE;
	case SESSION_FAILED:
		break;
	}
	return -EIO;
}

static int
send_to_session(struct application *app, const struct target *t, int64_t key, struct slice packet)
{
	struct session *s;
	int result = target_reach(app, t->ns, key, &s);

	if (result != 0)
		return result;
	return hub_publish_session(app->hub, s, packet, t->is_volatile) == -1 ? -EIO : 0;
}

static void
add_user_key(void *arg, int64_t key)
{
	buf_add(arg, &key, sizeof(key));
}

/* Whoever is left out is there, too.  A session of the user may just have ended, which is not the
 * caller's error. */
static int
send_to_user(struct application *app, const struct target *t, struct slice packet)
{
	struct buf keys = {.p = NULL};
	bool is_there = false, kept = false;
	int64_t key;
	int result = subscription_user_sessions(
			 hub_store(app->hub), t->user, t->ns->chan, add_user_key, &keys) == -1
	                 ? -EIO
	                 : 0;

	if (result == 0 && keys.failed)
		result = -ENOMEM;
	for (size_t i = 0; result == 0 && i < keys.n; i += sizeof(key)) {
		memcpy(&key, keys.p + i, sizeof(key));
		if (!keys_have(t->except, t->except_n, key))
			result = send_to_session(app, t, key, packet);
		is_there = is_there || result == 0;
		if (result == -EPIPE)
			result = 0;
	}
	buf_free(&keys);
	if (result != 0 || is_there || t->mailbox_s <= 0)
		return result;
	if (mail_keep(app->hub, t->user, t->ns->name, packet, t->mailbox_s, &kept) == -1)
		return -EIO;
	return kept ? TARGET_KEPT : 0;
}

static int64_t
target_channel(const struct target *t)
{
	return t->room.p == NULL ? t->ns->chan : message_log_channel(t->ns->name, t->room);
}

int
target_send(struct application *app, const struct target *t, struct packet *pk)
{
	struct slice packet;
	int64_t chan;

	pk->endpoint = t->ns->name;
	buf_clear(&app->packet);
	packet_write(&app->packet, pk);
	if (app->packet.failed)
		return -EMSGSIZE;
	packet = buf_slice(&app->packet);
	if (t->session != 0)
		return send_to_session(app, t, t->session, packet);
	if (t->user.p != NULL)
		return send_to_user(app, t, packet);
	chan = target_channel(t);
	if (t->room.p != NULL && !t->is_volatile &&
	    history_note(app->hub, t->ns->name, t->room, chan, 0, NULL) == -1)
		return -EIO;
	return hub_publish_except(app->hub, chan, t->except, t->except_n, packet, t->is_volatile) ==
	               -1
	           ? -EIO
	           : 0;
}

struct key_list {
	const struct target *target;
	struct buf *keys;
};

static void
add_target_key(void *arg, int64_t key)
{
	struct key_list *list = arg;

	if (!keys_have(list->target->except, list->target->except_n, key))
		buf_add(list->keys, &key, sizeof(key));
}

int
target_keys(struct application *app, const struct target *t, struct buf *keys)
{
	struct key_list list = {t, keys};
	struct store *st = hub_store(app->hub);
	struct session *s;
	int n = 0;

	if (t->session != 0) {
		n = target_reach(app, t->ns, t->session, &s);
		if (n == 0)
			add_target_key(&list, t->session);
		n = n == -EPIPE ? 0 : n;
	} else if (t->user.p != NULL) {
		n = subscription_user_sessions(st, t->user, t->ns->chan, add_target_key, &list);
	} else {
		n = subscription_members(st, target_channel(t), add_target_key, &list);
	}
	if (n < 0)
		return -EIO;
	return keys->failed ? -ENOMEM : 0;
}

/* --- events --------------------------------------------------------------------------------- */

/* Clients raise these events themselves (PROTOCOL 5.7): warn once per name. */
static void
warn_reserved(struct application *app, struct slice name)
{
	static const char *const reserved[] = {
	    "message", "connect", "disconnect", "open", "close", "error", "retry", "reconnect"};

	for (unsigned i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		if (!slice_is(name, reserved[i]) || (app->warned & 1u << i) != 0)
			continue;
		app->warned |= 1u << i;
		log_warnx(
		    "application: emits \"%s\", which clients raise themselves; rename the event",
		    reserved[i]);
	}
}

int
target_event_data(struct application *app, struct slice name, struct slice args, struct slice *data)
{
	struct json_value value;

	if (!utf8_valid(name) || json_parse(&value, args.p == NULL ? SLICE("[]") : args) == -1 ||
	    value.kind != JSON_KIND_ARRAY)
		return -EINVAL;
	warn_reserved(app, name);
	buf_clear(&app->data);
	packet_event_write(&app->data, name, value.text);
	*data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : 0;
}

/* Build the data of the packet that asks, valid until the next call. */
static int
question_data(struct application *app, const struct target_question *q, struct slice *data)
{
	struct json_value value;

	switch (q->type) {
	case PACKET_EVENT:
		return target_event_data(app, q->name, q->args, data);
	case PACKET_MESSAGE:
		*data = q->args;
		return utf8_valid(q->args) ? 0 : -EINVAL;
	case PACKET_JSON:
		if (json_parse(&value, q->args) == -1)
			return -EINVAL;
		buf_clear(&app->data);
		json_write_safe(&app->data, value.text);
		*data = buf_slice(&app->data);
		return app->data.failed ? -EMSGSIZE : 0;
	case PACKET_DISCONNECT:
	case PACKET_CONNECT:
	case PACKET_HEARTBEAT:
	case PACKET_ACK:
	case PACKET_ERROR:
	case PACKET_NOOP:
		break;
	}
	return -EINVAL;
}

/* The session's own node asks it. */
static int
ask_at_home(struct application *app, const struct target_question *q, struct session *s)
{
	struct link_command command = {
	    .what = q->type == PACKET_MESSAGE ? LINK_ASK_TEXT
	            : q->type == PACKET_JSON  ? LINK_ASK_JSON
	                                      : LINK_ASK,
	    .number = q->timeout_ms,
	    .ns = q->ns->name,
	    .name = q->name,
	    .text = q->args,
	    .handler = q->handler,
	    .context = q->context,
	};

	return link_command(app->hub, s, &command) == -1 ? -EIO : 0;
}

int
target_ask(struct application *app, const struct target_question *q)
{
	/* an event is answered by the client's function, a message by the client itself */
	struct packet pk = {.type = q->type, .ack_data = q->type == PACKET_EVENT};
	struct target t = {.ns = q->ns, .session = q->session};
	struct session *s;
	char digits[24];
	struct quota_ack ack = {.ns = q->ns->name,
	    .handler = q->handler,
	    .context = q->context,
	    .deadline = q->timeout_ms > 0 ? hub_now(app->hub) + q->timeout_ms : 0};
	int64_t id;
	int result = q->context.n > CONTEXT_BYTES_MAX ? -EMSGSIZE : question_data(app, q, &pk.data);

	if (result == 0)
		result = target_reach(app, q->ns, q->session, &s);
	if (result != 0)
		return result;
	if (session_is_remote(s))
		return ask_at_home(app, q, s);
	if (transaction_open(app->hub) == -1)
		return -EIO;
	if (session_is_over(s)) /* the transaction has read that another process ended it */
		return -EPIPE;
	result = quota_add_ack(app->hub, q->session, &ack, &id);
	if (result != 0)
		return result;
	snprintf(digits, sizeof(digits), "%" PRId64, id);
	pk.id = slice_of(digits);
	return target_send(app, &t, &pk);
}

int
target_ask_all(struct application *app, const struct target *t, struct target_question *q,
    void (*refused)(void *arg, int64_t key), void *arg)
{
	struct buf keys = {.p = NULL};
	struct slice data;
	/* also when it is for no session: a mistake must not show with the first client only */
	int result = q->context.n > CONTEXT_BYTES_MAX ? -EMSGSIZE : question_data(app, q, &data);
	int asked = 0;

	if (result == 0)
		result = target_keys(app, t, &keys);
	q->ns = t->ns;
	for (size_t i = 0; result == 0 && i < keys.n; i += sizeof(q->session)) {
		memcpy(&q->session, keys.p + i, sizeof(q->session));
		result = target_ask(app, q);
		asked += result == 0;
		if (result == -EDQUOT && refused != NULL)
			refused(arg, q->session);
		if (result == -EPIPE || result == -EDQUOT)
			result = 0;
	}
	buf_free(&keys);
	return result == 0 ? asked : result;
}
