/* The calls of pollux.h that send: targets, packets, acks. */
#include <errno.h>
#include <string.h>

#include "shared/action/later.h"
#include "shared/action/target.h"
#include "shared/app/internal.h"
#include "shared/base/keys.h"
#include "shared/base/log.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

/* --- mistakes ------------------------------------------------------------------------------- */

#define SHOWN_MAX 80 /* bytes of a wrong text that the log shows */

/* Few modules look at what sio_emit() returns, and a client that gets nothing says nothing: log a
 * text that is not JSON, or not an array if it must be one.  `name`: of the event or key. */
void
send_check_json(const char *call, const char *name, const char *text, bool is_array)
{
	struct json_value value;

	if (text == NULL)
		log_limited(
		    LOG_LEVEL_WARN, "application: %s \"%s\": there is no JSON text", call, name);
	else if (json_parse(&value, slice_of(text)) == -1)
		log_limited(LOG_LEVEL_WARN, "application: %s \"%s\": this is not JSON: %.*s%s",
		    call, name, SHOWN_MAX, text, strlen(text) > SHOWN_MAX ? "..." : "");
	else if (is_array && value.kind != JSON_KIND_ARRAY)
		log_limited(LOG_LEVEL_WARN,
		    "application: %s \"%s\": this is JSON, but not an array: %.*s%s", call, name,
		    SHOWN_MAX, text, strlen(text) > SHOWN_MAX ? "..." : "");
}

/* The same for what is sent with an event. */
static void
check_event(const char *call, const char *name, const char *args)
{
	if (name == NULL)
		log_limited(LOG_LEVEL_WARN, "application: %s: the event has no name", call);
	else if (!utf8_valid(slice_of(name)))
		log_limited(
		    LOG_LEVEL_WARN, "application: %s \"%s\": the name is not UTF-8", call, name);
	else if (args != NULL)
		send_check_json(call, name, args, true);
}

/* --- targets -------------------------------------------------------------------------------- */

/* Collect the sessions that a target leaves out, valid until the next call.  0 or -ENOMEM. */
static int
collect_left_out(const sio_target *t, struct target *out)
{
	struct buf *keys = &t->ns->h.app->except;

	buf_clear(keys);
	if (t->sender != 0)
		buf_add(keys, &t->sender, sizeof(t->sender));
	for (const struct sio_left_out *at = t->except; at != NULL; at = at->others)
		buf_add(keys, &at->key, sizeof(at->key));
	if (keys->failed)
		return -ENOMEM;
	out->except = (const int64_t *)(const void *)keys->p;
	out->except_n = keys->n / sizeof(*out->except);
	keys_sort((int64_t *)(void *)keys->p, out->except_n);
	return 0;
}

int
send_target(const sio_target *t, struct target *out)
{
	if (t->ns->h.app->base.hub == NULL)
		return -EINVAL;
	*out = (struct target){
	    .ns = &t->ns->base.hub,
	    .session = t->session,
	    .user = slice_of(t->user),
	    .room = t->room_n == 0 ? slice_of(t->room) : (struct slice){t->room, t->room_n},
	    .is_volatile = t->is_volatile,
	    .mailbox_s = t->mailbox_s,
	};
	if ((t->is_volatile && t->mailbox_s != 0) || !name_is_valid(out->user) ||
	    !name_is_valid_or_has_nul(out->room))
		return -EINVAL;
	return collect_left_out(t, out);
}

const struct sio_left_out *
send_leave_out(const void *handle, const struct sio_left_out *others, int64_t key)
{
	struct sio_left_out *left = arena_alloc(module_of_handle(handle), sizeof(*left));

	if (left != NULL)
		*left = (struct sio_left_out){key, others};
	return left;
}

sio_target
send_self(sio_socket *s)
{
	return (sio_target){.ns = s->ns, .session = session_key(s->session)};
}

/* --- packets -------------------------------------------------------------------------------- */

/* For the application it is sent when it was kept for a user who is away. */
static int
send_packet_to(struct application *app, const struct target *t, struct packet *pk)
{
	int result = target_send(app, t, pk);

	return result == TARGET_KEPT ? 0 : result;
}

int
send_emit(const sio_target *t, const char *name, const char *args)
{
	struct application *app = &t->ns->h.app->base;
	struct packet pk = {.type = PACKET_EVENT};
	struct target target;
	int result = name == NULL ? -EINVAL : send_target(t, &target);

	if (result == 0)
		result = target_event_data(app, slice_of(name), slice_of(args), &pk.data);
	if (result == -EINVAL)
		check_event("sio_emit", name, args);
	return result == 0 ? send_packet_to(app, &target, &pk) : result;
}

int
send_text(const sio_target *t, const char *text, size_t n)
{
	struct packet pk = {.type = PACKET_MESSAGE, .data = {text, n}};
	struct target target;

	int result = text != NULL && utf8_valid(pk.data) ? send_target(t, &target) : -EINVAL;

	if (result != 0)
		return result;
	return send_packet_to(&t->ns->h.app->base, &target, &pk);
}

int
send_json(const sio_target *t, const char *value)
{
	struct application *app = &t->ns->h.app->base;
	struct packet pk = {.type = PACKET_JSON};
	struct target target;
	struct json_value parsed;
	int result = send_target(t, &target);

	if (result != 0)
		return result;
	if (json_parse(&parsed, slice_of(value)) == -1) {
		send_check_json("sio_json", "", value, false);
		return -EINVAL;
	}
	buf_clear(&app->data);
	json_write_safe(&app->data, parsed.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : send_packet_to(app, &target, &pk);
}

/* --- acks ----------------------------------------------------------------------------------- */

/* Ask the sessions of a target.  `call` is for the log. */
static int
ask_target(const sio_target *t, struct target_question *q, const char *call, const char *context)
{
	struct application *app = &t->ns->h.app->base;
	struct target target;
	struct json_value value;
	int result;

	q->context = slice_of(context);
	if (context != NULL && json_parse(&value, q->context) == -1) {
		send_check_json(call, q->name.p == NULL ? "" : q->name.p, context, false);
		return -EINVAL;
	}
	if (q->handler.p == NULL || !name_is_valid(q->handler) || q->timeout_ms < 0 ||
	    t->is_volatile || t->mailbox_s != 0)
		return -EINVAL;
	result = send_target(t, &target);
	if (result != 0)
		return result;
	if (target.session == 0) {
		result = target_ask_all(app, &target, q, NULL, NULL);
		return result < 0 ? result : 0;
	}
	q->ns = target.ns;
	q->session = target.session;
	return target_ask(app, q);
}

int
send_emit_ack_to(const sio_target *t, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	struct target_question q = {
	    .type = PACKET_EVENT,
	    .name = slice_of(name),
	    .args = slice_of(args),
	    .handler = slice_of(handler),
	    .timeout_ms = timeout_ms,
	};
	int result =
	    name == NULL ? -EINVAL : ask_target(t, &q, "sio_emit_ack, the context of", context);

	if (result == -EINVAL)
		check_event("sio_emit_ack", name, args);
	return result;
}

int
send_text_ack(const sio_target *t, const char *text, size_t n, const char *handler,
    const char *context, int timeout_ms)
{
	struct target_question q = {
	    .type = PACKET_MESSAGE,
	    .args = {text, n},
	    .handler = slice_of(handler),
	    .timeout_ms = timeout_ms,
	};

	return text == NULL ? -EINVAL : ask_target(t, &q, "sio_send_ack, the context of", context);
}

int
send_json_ack(const sio_target *t, const char *value, const char *handler, const char *context,
    int timeout_ms)
{
	struct target_question q = {
	    .type = PACKET_JSON,
	    .args = slice_of(value),
	    .handler = slice_of(handler),
	    .timeout_ms = timeout_ms,
	};
	int result =
	    value == NULL ? -EINVAL : ask_target(t, &q, "sio_json_ack, the context of", context);

	if (result == -EINVAL)
		send_check_json("sio_json_ack", "", value, false);
	return result;
}

int
send_emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	sio_target self = send_self(s);

	return send_emit_ack_to(&self, name, args, handler, context, timeout_ms);
}

/* Send an ack packet; `args` is JSON text, NULL: none. */
static int
answer_client(struct application *app, const struct target *t, struct slice id, const char *args,
    const char *call, const char *name)
{
	struct packet pk = {.type = PACKET_ACK};
	struct json_value value;

	if (json_parse(&value, args == NULL ? SLICE("[]") : slice_of(args)) == -1 ||
	    value.kind != JSON_KIND_ARRAY) {
		send_check_json(call, name, args, true);
		return -EINVAL;
	}
	buf_clear(&app->data);
	packet_ack_write(&app->data, id, value.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : target_send(app, t, &pk);
}

int
send_ack(sio_socket *s, const sio_event *e, const char *args)
{
	struct target t = {.ns = &s->ns->base.hub, .session = session_key(s->session)};
	int result;

	if (e == NULL || s->event != e) /* a socket from sio_find() has not sent this event */
		return -EINVAL;
	if (!e->wants_ack || s->acked)
		return 0;
	result = answer_client(&s->h.app->base, &t, slice_of(e->ack_id), args, "sio_ack", e->name);
	s->acked = result != -EINVAL;
	return result;
}

const char *
send_ack_later(sio_socket *s, const sio_event *e)
{
	struct later later = {.session = session_key(s->session), .ns = s->ns->base.hub.name};
	struct buf text = {.p = NULL};
	const char *copy = NULL;

	if (e == NULL || s->event != e || !e->wants_ack)
		return "";
	later.id = slice_of(e->ack_id);
	later_write(&text, &later);
	if (!text.failed)
		copy = arena_copy(s->h.app, buf_slice(&text));
	buf_free(&text);
	return copy;
}

int
send_later_answer(const void *handle, const char *text, const char *args)
{
	struct sio_app *app = module_of_handle(handle);
	struct later later;
	struct sio_ns *ns;

	if (text == NULL || app->base.hub == NULL)
		return -EINVAL;
	if (text[0] == '\0')
		return 0;
	if (later_read(&later, slice_of(text)) == -1)
		return -EINVAL;
	ns = handlers_find_ns(app, later.ns);
	if (ns == NULL)
		return -EINVAL;
	return answer_client(&app->base,
	    &(struct target){.ns = &ns->base.hub, .session = later.session}, later.id, args,
	    "sio_answer", text);
}
