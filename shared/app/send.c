/* The calls of pollux.h that send: targets, packets, acks. */
#include <errno.h>
#include <string.h>

#include "shared/action/target.h"
#include "shared/app/internal.h"
#include "shared/wire/json.h"
#include "shared/wire/sid.h"
#include "shared/wire/utf8.h"

/* --- targets -------------------------------------------------------------------------------- */

/* Check a target of the application and convert it.  0 or -EINVAL. */
static int
convert_target(const sio_target *t, struct target *out)
{
	if (t->ns->h.app->base.hub == NULL || t->except_n > SIO_EXCEPT_MAX)
		return -EINVAL;
	*out = (struct target){
	    .ns = &t->ns->base.hub,
	    .session = t->session,
	    .user = slice_of(t->user),
	    .room = slice_of(t->room),
	    .except = t->except,
	    .except_n = t->except_n,
	    .is_volatile = t->is_volatile,
	};
	return name_is_valid(out->user) && name_is_valid(out->room) ? 0 : -EINVAL;
}

sio_target
send_self(sio_socket *s)
{
	return (sio_target){.ns = s->ns, .session = session_key(s->session)};
}

int
send_clients(const sio_target *t, void (*each)(void *arg, const char *id), void *arg)
{
	struct target target;
	struct buf keys = {.p = NULL};
	char id[SID_PUBLIC_LENGTH + 1];
	int64_t key;
	int result = convert_target(t, &target);

	if (result == 0)
		result = target_keys(&t->ns->h.app->base, &target, &keys);
	for (size_t i = 0; result >= 0 && i < keys.n; i += sizeof(key)) {
		result++;
		if (each == NULL)
			continue;
		memcpy(&key, keys.p + i, sizeof(key));
		sid_public_write(id, key);
		each(arg, id); /* may call anything: no query is open */
	}
	buf_free(&keys);
	return result;
}

/* --- packets -------------------------------------------------------------------------------- */

int
send_emit(const sio_target *t, const char *name, const char *args)
{
	struct application *app = &t->ns->h.app->base;
	struct packet pk = {.type = PACKET_EVENT};
	struct target target;
	int result = name == NULL ? -EINVAL : convert_target(t, &target);

	if (result == 0)
		result = target_event_data(app, slice_of(name), slice_of(args), &pk.data);
	return result == 0 ? target_send(app, &target, &pk) : result;
}

int
send_text(const sio_target *t, const char *text, size_t n)
{
	struct packet pk = {.type = PACKET_MESSAGE, .data = {text, n}};
	struct target target;

	if (convert_target(t, &target) != 0 || !utf8_valid(pk.data))
		return -EINVAL;
	return target_send(&t->ns->h.app->base, &target, &pk);
}

int
send_json(const sio_target *t, const char *value)
{
	struct application *app = &t->ns->h.app->base;
	struct packet pk = {.type = PACKET_JSON};
	struct target target;
	struct json_value parsed;

	if (convert_target(t, &target) != 0 || json_parse(&parsed, slice_of(value)) == -1)
		return -EINVAL;
	buf_clear(&app->data);
	json_write_safe(&app->data, parsed.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : target_send(app, &target, &pk);
}

/* --- acks ----------------------------------------------------------------------------------- */

int
send_emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	struct target_question q = {
	    .ns = &s->ns->base.hub,
	    .session = session_key(s->session),
	    .name = slice_of(name),
	    .args = slice_of(args),
	    .handler = slice_of(handler),
	    .context = slice_of(context),
	    .timeout_ms = timeout_ms,
	};
	struct json_value value;

	if (name == NULL || handler == NULL || !name_is_valid(q.handler) || timeout_ms < 0 ||
	    (context != NULL && json_parse(&value, q.context) == -1))
		return -EINVAL;
	return target_ask(&s->h.app->base, &q);
}

int
send_ack(sio_socket *s, const sio_event *e, const char *args)
{
	struct application *app = &s->h.app->base;
	struct packet pk = {.type = PACKET_ACK};
	struct target t = {.ns = &s->ns->base.hub, .session = session_key(s->session)};
	struct json_value value;

	if (s->event != e) /* a socket from sio_find() has not sent this event */
		return -EINVAL;
	if (!e->wants_ack || s->acked)
		return 0;
	if (json_parse(&value, args == NULL ? SLICE("[]") : slice_of(args)) == -1 ||
	    value.kind != JSON_KIND_ARRAY)
		return -EINVAL;
	s->acked = true;
	buf_clear(&app->data);
	packet_ack_write(&app->data, slice_of(e->ack_id), value.text);
	pk.data = buf_slice(&app->data);
	return app->data.failed ? -EMSGSIZE : target_send(app, &t, &pk);
}
