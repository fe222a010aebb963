/* abi: how a module reaches the functions of the program that has loaded it.  Included by pollux.h,
 * which has the calls; nothing here is for an application but SIO_APP_ABI.
 *
 * A module needs no symbol of the program: every handle begins with a table of functions, and each
 * call of pollux.h goes through it. */
#ifndef POLLUX_ABI_H
#define POLLUX_ABI_H

#define SIO_ABI 2

/* Functions of the program.  The table only grows: an older module knows its first part. */
struct sio_api {
	size_t size;
	sio_ns *(*of)(sio_app *app, const char *ns);
	int (*on)(sio_ns *ns, const char *event, sio_handler *fn, void *user);
	int (*on_ack)(sio_ns *ns, const char *name, sio_handler *fn, void *user);
	int (*authorization)(sio_app *app, sio_authorizer *fn, void *user);
	int (*ns_authorization)(sio_ns *ns, sio_authorizer *fn, void *user);
	int (*accept)(const sio_handshake *h, const char *user, const char *data);
	int (*refuse)(const sio_handshake *h, const char *reason);
	sio_socket *(*handshake_socket)(const sio_handshake *h);
	const char *(*handshake_query)(const sio_handshake *h);
	const char *(*handshake_field)(const sio_handshake *h, const char *name);
	const char *(*header)(const sio_handshake *h, const char *name);
	const char *(*query)(const sio_handshake *h, const char *key);
	sio_target (*self)(sio_socket *s);
	int64_t (*key)(const char *id);
	int (*emit)(const sio_target *t, const char *name, const char *args);
	int (*send)(const sio_target *t, const char *text, size_t n);
	int (*json)(const sio_target *t, const char *value);
	int (*emit_ack)(sio_socket *s, const char *name, const char *args, const char *handler,
	    const char *context, int timeout_ms);
	int (*ack)(sio_socket *s, const sio_event *e, const char *args);
	int (*clients)(const sio_target *t, void (*each)(void *arg, const char *id), void *arg);
	sio_socket *(*find)(sio_ns *ns, const char *id);
	sio_ns *(*ns)(sio_socket *s);
	const char *(*ns_name)(const sio_ns *ns);
	int (*join)(sio_socket *s, const char *room);
	int (*leave)(sio_socket *s, const char *room);
	int (*rooms)(sio_socket *s, void (*each)(void *arg, const char *room), void *arg);
	int (*set)(sio_socket *s, const char *key, const char *json);
	const char *(*get)(sio_socket *s, const char *key);
	int (*del)(sio_socket *s, const char *key);
	int (*set_user)(sio_socket *s, const char *user);
	const char *(*user)(sio_socket *s);
	int (*disconnect)(sio_socket *s, bool whole_session);
	bool (*disconnected)(sio_socket *s);
	const char *(*id)(sio_socket *s);
	const char *(*sid)(sio_socket *s);
	const char *(*transport)(sio_socket *s);
	const sio_handshake *(*handshake)(sio_socket *s);
	const char *(*arg)(const void *handle, const char *args, size_t i);
	const char *(*text)(const void *handle, const char *json);
	const char *(*quote)(const void *handle, const char *text, size_t n);
	const char *(*format)(const void *handle, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));
	const char *(*args)(const void *handle, const char *kinds, va_list values);
	void (*log)(const void *handle, const char *format, ...)
	    __attribute__((format(printf, 2, 3)));
	int (*on_n)(sio_ns *ns, const char *event, size_t n, sio_handler *fn, void *user);
	int (*join_n)(sio_socket *s, const char *room, size_t n);
	int (*leave_n)(sio_socket *s, const char *room, size_t n);
	int (*rooms_n)(
	    sio_socket *s, void (*each)(void *arg, const char *room, size_t n), void *arg);
	int (*set_n)(sio_socket *s, const char *key, size_t n, const char *json);
	const char *(*get_n)(sio_socket *s, const char *key, size_t n);
	int (*del_n)(sio_socket *s, const char *key, size_t n);
	const char *(*text_n)(const void *handle, const char *json, size_t *n);
	const char *(*node)(const void *handle);
	int (*emit_ack_to)(const sio_target *t, const char *name, const char *args,
	    const char *handler, const char *context, int timeout_ms);
	int (*send_ack)(const sio_target *t, const char *text, size_t n, const char *handler,
	    const char *context, int timeout_ms);
	int (*json_ack)(const sio_target *t, const char *value, const char *handler,
	    const char *context, int timeout_ms);
	const char *(*ack_later)(sio_socket *s, const sio_event *e);
	int (*answer)(const void *handle, const char *later, const char *args);
	int (*on_user_connect)(sio_app *app, sio_user_handler *fn, void *arg);
	int (*on_user_disconnect)(sio_app *app, sio_user_handler *fn, void *arg);
	const struct sio_left_out *(*leave_out)(
	    const void *handle, const struct sio_left_out *others, int64_t key);
	int (*kind)(const void *handle, const char *json);
	bool (*to_bool)(const void *handle, const char *json, bool *out);
	bool (*number)(const void *handle, const char *json, double *out);
	bool (*integer)(const void *handle, const char *json, int64_t *out);
	int (*length)(const void *handle, const char *json);
	const char *const *(*elements)(const void *handle, const char *json, size_t *n);
	const char *(*member)(const void *handle, const char *json, const char *name);
	const char *(*member_n)(const void *handle, const char *json, const char *name, size_t n);
	const sio_field *(*members)(const void *handle, const char *json, size_t *n);
	const sio_field *(*members_n)(const void *handle, const char *json, size_t *n);
	const char *(*cookie)(const sio_handshake *h, const char *name);
	sio_builder *(*build)(const void *handle);
	void (*build_object)(sio_builder *b);
	void (*build_array)(sio_builder *b);
	void (*build_end)(sio_builder *b);
	void (*build_name)(sio_builder *b, const char *name, size_t n);
	void (*build_text)(sio_builder *b, const char *text, size_t n);
	void (*build_integer)(sio_builder *b, int64_t value);
	void (*build_number)(sio_builder *b, double value);
	void (*build_bool)(sio_builder *b, bool value);
	void (*build_json)(sio_builder *b, const char *json);
	const char *(*built)(sio_builder *b);
	int (*join_history)(sio_socket *s, const char *room, int history);
	int (*join_history_n)(sio_socket *s, const char *room, size_t n, int history);
	const char *(*verdict_later)(const sio_handshake *h);
	int (*verdict_accept)(
	    const void *handle, const char *later, const char *user, const char *data);
	int (*verdict_refuse)(const void *handle, const char *later, const char *reason);
	int (*clients_data)(const sio_target *t, const char *keys,
	    void (*each)(void *arg, const sio_client *c), void *arg);
	int (*ns_rooms)(
	    sio_ns *ns, void (*each)(void *arg, const char *room, int sessions), void *arg);
	int (*ns_rooms_n)(sio_ns *ns,
	    void (*each)(void *arg, const char *room, size_t n, int sessions), void *arg);
	int (*every)(sio_app *app, int ms, sio_tick *fn, void *user);
	int (*after)(sio_socket *s, int ms, const char *handler, const char *context);
	int (*cancel)(sio_socket *s, const char *handler);
	int (*on_timer)(sio_ns *ns, const char *name, sio_handler *fn, void *user);
};

/* Every handle (application, namespace, socket, handshake, builder) begins with these. */
struct sio_handle {
	const struct sio_api *api;
	sio_app *app;
};
#define SIO_API(handle) (((const struct sio_handle *)(const void *)(handle))->api)

/* Once in every module: one built for another interface, or for a newer one, is refused. */
struct sio_abi {
	int number;
	size_t api_size;
};
#define SIO_APP_ABI                                                                                \
	SIO_EXPORT extern const struct sio_abi pollux_app_abi;                                     \
	const struct sio_abi pollux_app_abi = {SIO_ABI, sizeof(struct sio_api)};

/* --- the calls of pollux.h ------------------------------------------------------------------ */

static inline sio_ns *
sio_of(sio_app *app, const char *ns)
{
	return SIO_API(app)->of(app, ns);
}

static inline int
sio_on(sio_ns *ns, const char *event, sio_handler *fn, void *user)
{
	return ns == NULL ? -EINVAL : SIO_API(ns)->on(ns, event, fn, user);
}

static inline int
sio_on_n(sio_ns *ns, const char *event, size_t n, sio_handler *fn, void *user)
{
	return ns == NULL ? -EINVAL : SIO_API(ns)->on_n(ns, event, n, fn, user);
}

static inline int
sio_on_ack(sio_ns *ns, const char *name, sio_handler *fn, void *user)
{
	return ns == NULL ? -EINVAL : SIO_API(ns)->on_ack(ns, name, fn, user);
}

static inline int
sio_on_user_connect(sio_app *app, sio_user_handler *fn, void *arg)
{
	return SIO_API(app)->on_user_connect(app, fn, arg);
}

static inline int
sio_on_user_disconnect(sio_app *app, sio_user_handler *fn, void *arg)
{
	return SIO_API(app)->on_user_disconnect(app, fn, arg);
}

static inline int
sio_on_timer(sio_ns *ns, const char *name, sio_handler *fn, void *user)
{
	return ns == NULL ? -EINVAL : SIO_API(ns)->on_timer(ns, name, fn, user);
}

static inline int
sio_every(sio_app *app, int ms, sio_tick *fn, void *user)
{
	return SIO_API(app)->every(app, ms, fn, user);
}

static inline int
sio_authorization(sio_app *app, sio_authorizer *fn, void *user)
{
	return SIO_API(app)->authorization(app, fn, user);
}

static inline int
sio_ns_authorization(sio_ns *ns, sio_authorizer *fn, void *user)
{
	return ns == NULL ? -EINVAL : SIO_API(ns)->ns_authorization(ns, fn, user);
}

static inline int
sio_accept(const sio_handshake *h, const char *user, const char *data)
{
	return SIO_API(h)->accept(h, user, data);
}

static inline int
sio_refuse(const sio_handshake *h, const char *reason)
{
	return SIO_API(h)->refuse(h, reason);
}

static inline const char *
sio_verdict_later(const sio_handshake *h)
{
	return SIO_API(h)->verdict_later(h);
}

static inline int
sio_verdict_accept(const void *handle, const char *later, const char *user, const char *data)
{
	return handle == NULL ? -EINVAL
	                      : SIO_API(handle)->verdict_accept(handle, later, user, data);
}

static inline int
sio_verdict_refuse(const void *handle, const char *later, const char *reason)
{
	return handle == NULL ? -EINVAL : SIO_API(handle)->verdict_refuse(handle, later, reason);
}

static inline sio_socket *
sio_handshake_socket(const sio_handshake *h)
{
	return h == NULL ? NULL : SIO_API(h)->handshake_socket(h);
}

static inline const char *
sio_handshake_query(const sio_handshake *h)
{
	return h == NULL ? "" : SIO_API(h)->handshake_query(h);
}

static inline const char *
sio_handshake_field(const sio_handshake *h, const char *name)
{
	return h == NULL ? NULL : SIO_API(h)->handshake_field(h, name);
}

static inline const char *
sio_header(const sio_handshake *h, const char *name)
{
	return h == NULL ? NULL : SIO_API(h)->header(h, name);
}

static inline const char *
sio_query(const sio_handshake *h, const char *key)
{
	return h == NULL ? NULL : SIO_API(h)->query(h, key);
}

static inline const char *
sio_cookie(const sio_handshake *h, const char *name)
{
	return h == NULL ? NULL : SIO_API(h)->cookie(h, name);
}

static inline const char *
sio_query_json(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "query");

	return json == NULL ? "{}" : json;
}

static inline const char *
sio_url(const sio_handshake *h)
{
	return sio_text(h, sio_handshake_field(h, "url"));
}

static inline const char *
sio_address(const sio_handshake *h)
{
	return sio_text(h, sio_handshake_field(h, "address.address"));
}

static inline int
sio_port(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "address.port");

	return json == NULL ? 0 : atoi(json);
}

static inline const char *
sio_time(const sio_handshake *h)
{
	return sio_text(h, sio_handshake_field(h, "time"));
}

static inline int64_t
sio_issued(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "issued");

	return json == NULL ? 0 : strtoll(json, NULL, 10);
}

static inline bool
sio_xdomain(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "xdomain");

	return json != NULL && json[0] == 't';
}

static inline bool
sio_secure(const sio_handshake *h)
{
	const char *json = sio_handshake_field(h, "secure");

	return json != NULL && json[0] == 't';
}

static inline sio_target
sio_self(sio_socket *s)
{
	sio_target t;

	if (s != NULL)
		return SIO_API(s)->self(s);
	memset(&t, 0, sizeof(t));
	t.is_bad = true;
	return t;
}

static inline sio_target
sio_ns_in(sio_ns *ns, const char *room)
{
	sio_target t;

	memset(&t, 0, sizeof(t));
	t.ns = ns;
	t.room = room;
	t.is_bad = ns == NULL;
	return t;
}

static inline sio_target
sio_in(sio_socket *s, const char *room)
{
	return sio_ns_in(sio_namespace(s), room);
}

static inline sio_target
sio_broadcast_to(sio_socket *s, const char *room)
{
	sio_target t = sio_self(s);

	t.sender = t.session;
	t.session = 0;
	t.room = room;
	t.is_bad = t.is_bad || room == NULL;
	return t;
}

static inline sio_target
sio_ns_in_n(sio_ns *ns, const char *room, size_t n)
{
	sio_target t = sio_ns_in(ns, room);

	t.room_n = (uint16_t)n; /* 0: its NUL ends it, and so does that of "" */
	t.is_bad = t.is_bad || room == NULL || n > UINT16_MAX;
	if (n == 0)
		t.room = "";
	return t;
}

static inline sio_target
sio_in_n(sio_socket *s, const char *room, size_t n)
{
	return sio_ns_in_n(sio_namespace(s), room, n);
}

static inline sio_target
sio_broadcast_to_n(sio_socket *s, const char *room, size_t n)
{
	sio_target t = sio_in_n(s, room, n);

	t.sender = sio_self(s).session;
	return t;
}

static inline sio_target
sio_broadcast(sio_socket *s)
{
	sio_target t = sio_self(s);

	t.sender = t.session;
	t.session = 0;
	return t;
}

static inline sio_target
sio_ns_to(sio_ns *ns, const char *id)
{
	sio_target t = sio_ns_in(ns, NULL);

	if (!t.is_bad)
		t.session = SIO_API(ns)->key(id);
	t.is_bad = t.session == 0;
	return t;
}

static inline sio_target
sio_to(sio_socket *s, const char *id)
{
	return sio_ns_to(sio_namespace(s), id);
}

static inline sio_target
sio_ns_to_user(sio_ns *ns, const char *user)
{
	sio_target t = sio_ns_in(ns, NULL);

	t.user = user;
	t.is_bad = ns == NULL || user == NULL;
	return t;
}

static inline sio_target
sio_to_user(sio_socket *s, const char *user)
{
	return sio_ns_to_user(sio_namespace(s), user);
}

static inline sio_target
sio_except(sio_target t, const char *id)
{
	int64_t key = t.is_bad ? 0 : SIO_API(t.ns)->key(id);

	if (key != 0)
		t.except = SIO_API(t.ns)->leave_out(t.ns, t.except, key);
	t.is_bad = t.is_bad || key == 0 || t.except == NULL;
	return t;
}

static inline sio_target
sio_volatile(sio_target t)
{
	t.is_volatile = true;
	return t;
}

static inline sio_target
sio_mailbox(sio_target t, int seconds)
{
	t.mailbox_s = seconds;
	t.is_bad = t.is_bad || t.user == NULL || seconds <= 0;
	return t;
}

static inline int
sio_emit_to(sio_target t, const char *name, const char *args)
{
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->emit(&t, name, args);
}

static inline int
sio_emit(sio_socket *s, const char *name, const char *args)
{
	return s == NULL ? -EPIPE : sio_emit_to(sio_self(s), name, args);
}

static inline int
sio_send_to(sio_target t, const char *text, size_t n)
{
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->send(&t, text, n);
}

static inline int
sio_send(sio_socket *s, const char *text, size_t n)
{
	return s == NULL ? -EPIPE : sio_send_to(sio_self(s), text, n);
}

static inline int
sio_json_to(sio_target t, const char *value)
{
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->json(&t, value);
}

static inline int
sio_json(sio_socket *s, const char *value)
{
	return s == NULL ? -EPIPE : sio_json_to(sio_self(s), value);
}

static inline int
sio_emit_ack(sio_socket *s, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	return s == NULL ? -EPIPE
	                 : SIO_API(s)->emit_ack(s, name, args, handler, context, timeout_ms);
}

static inline int
sio_emit_ack_to(sio_target t, const char *name, const char *args, const char *handler,
    const char *context, int timeout_ms)
{
	return t.is_bad ? -EINVAL
	                : SIO_API(t.ns)->emit_ack_to(&t, name, args, handler, context, timeout_ms);
}

static inline int
sio_send_ack_to(sio_target t, const char *text, size_t n, const char *handler, const char *context,
    int timeout_ms)
{
	return t.is_bad ? -EINVAL
	                : SIO_API(t.ns)->send_ack(&t, text, n, handler, context, timeout_ms);
}

static inline int
sio_send_ack(sio_socket *s, const char *text, size_t n, const char *handler, const char *context,
    int timeout_ms)
{
	return s == NULL ? -EPIPE
	                 : sio_send_ack_to(sio_self(s), text, n, handler, context, timeout_ms);
}

static inline int
sio_json_ack_to(
    sio_target t, const char *value, const char *handler, const char *context, int timeout_ms)
{
	return t.is_bad ? -EINVAL
	                : SIO_API(t.ns)->json_ack(&t, value, handler, context, timeout_ms);
}

static inline int
sio_json_ack(
    sio_socket *s, const char *value, const char *handler, const char *context, int timeout_ms)
{
	return s == NULL ? -EPIPE
	                 : sio_json_ack_to(sio_self(s), value, handler, context, timeout_ms);
}

static inline int
sio_ack(sio_socket *s, const sio_event *e, const char *args)
{
	return s == NULL ? -EPIPE : SIO_API(s)->ack(s, e, args);
}

static inline const char *
sio_ack_later(sio_socket *s, const sio_event *e)
{
	return s == NULL ? "" : SIO_API(s)->ack_later(s, e);
}

static inline int
sio_answer(const void *handle, const char *later, const char *args)
{
	return handle == NULL ? -EINVAL : SIO_API(handle)->answer(handle, later, args);
}

static inline int
sio_join(sio_socket *s, const char *room)
{
	return s == NULL ? -EPIPE : SIO_API(s)->join(s, room);
}

static inline int
sio_join_history(sio_socket *s, const char *room, int history)
{
	return s == NULL ? -EPIPE : SIO_API(s)->join_history(s, room, history);
}

static inline int
sio_join_history_n(sio_socket *s, const char *room, size_t n, int history)
{
	return s == NULL ? -EPIPE : SIO_API(s)->join_history_n(s, room, n, history);
}

static inline int
sio_leave(sio_socket *s, const char *room)
{
	return s == NULL ? -EPIPE : SIO_API(s)->leave(s, room);
}

static inline int
sio_rooms(sio_socket *s, void (*each)(void *arg, const char *room), void *arg)
{
	return s == NULL ? -EPIPE : SIO_API(s)->rooms(s, each, arg);
}

static inline int
sio_join_n(sio_socket *s, const char *room, size_t n)
{
	return s == NULL ? -EPIPE : SIO_API(s)->join_n(s, room, n);
}

static inline int
sio_leave_n(sio_socket *s, const char *room, size_t n)
{
	return s == NULL ? -EPIPE : SIO_API(s)->leave_n(s, room, n);
}

static inline int
sio_rooms_n(sio_socket *s, void (*each)(void *arg, const char *room, size_t n), void *arg)
{
	return s == NULL ? -EPIPE : SIO_API(s)->rooms_n(s, each, arg);
}

static inline int
sio_set_n(sio_socket *s, const char *key, size_t n, const char *json)
{
	return s == NULL ? -EPIPE : SIO_API(s)->set_n(s, key, n, json);
}

static inline const char *
sio_get_n(sio_socket *s, const char *key, size_t n)
{
	return s == NULL ? NULL : SIO_API(s)->get_n(s, key, n);
}

static inline int
sio_del_n(sio_socket *s, const char *key, size_t n)
{
	return s == NULL ? -EPIPE : SIO_API(s)->del_n(s, key, n);
}

static inline int
sio_set(sio_socket *s, const char *key, const char *json)
{
	return s == NULL ? -EPIPE : SIO_API(s)->set(s, key, json);
}

static inline const char *
sio_get(sio_socket *s, const char *key)
{
	return s == NULL ? NULL : SIO_API(s)->get(s, key);
}

static inline bool
sio_has(sio_socket *s, const char *key)
{
	return sio_get(s, key) != NULL;
}

static inline int
sio_del(sio_socket *s, const char *key)
{
	return s == NULL ? -EPIPE : SIO_API(s)->del(s, key);
}

static inline int
sio_after(sio_socket *s, int ms, const char *handler, const char *context)
{
	return s == NULL ? -EPIPE : SIO_API(s)->after(s, ms, handler, context);
}

static inline int
sio_cancel(sio_socket *s, const char *handler)
{
	return s == NULL ? -EPIPE : SIO_API(s)->cancel(s, handler);
}

static inline int
sio_set_user(sio_socket *s, const char *user)
{
	return s == NULL ? -EPIPE : SIO_API(s)->set_user(s, user);
}

static inline const char *
sio_user(sio_socket *s)
{
	return s == NULL ? NULL : SIO_API(s)->user(s);
}

static inline int
sio_disconnect(sio_socket *s)
{
	return s == NULL ? -EPIPE : SIO_API(s)->disconnect(s, false);
}

static inline int
sio_disconnect_session(sio_socket *s)
{
	return s == NULL ? -EPIPE : SIO_API(s)->disconnect(s, true);
}

static inline bool
sio_disconnected(sio_socket *s)
{
	return s == NULL || SIO_API(s)->disconnected(s);
}

static inline const char *
sio_id(sio_socket *s)
{
	return s == NULL ? "" : SIO_API(s)->id(s);
}

static inline const char *
sio_sid(sio_socket *s)
{
	return s == NULL ? "" : SIO_API(s)->sid(s);
}

static inline const char *
sio_transport(sio_socket *s)
{
	return s == NULL ? "" : SIO_API(s)->transport(s);
}

static inline sio_ns *
sio_namespace(sio_socket *s)
{
	return s == NULL ? NULL : SIO_API(s)->ns(s);
}

static inline const char *
sio_endpoint(sio_socket *s)
{
	return s == NULL ? "" : SIO_API(s)->ns_name(SIO_API(s)->ns(s));
}

static inline const sio_handshake *
sio_socket_handshake(sio_socket *s)
{
	return s == NULL ? NULL : SIO_API(s)->handshake(s);
}

static inline sio_socket *
sio_ns_find(sio_ns *ns, const char *id)
{
	return ns == NULL || id == NULL ? NULL : SIO_API(ns)->find(ns, id);
}

static inline sio_socket *
sio_find(sio_socket *s, const char *id)
{
	return sio_ns_find(sio_namespace(s), id);
}

static inline int
sio_clients(sio_target t, void (*each)(void *arg, const char *id), void *arg)
{
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->clients(&t, each, arg);
}

static inline int
sio_clients_data(
    sio_target t, const char *keys, void (*each)(void *arg, const sio_client *c), void *arg)
{
	return t.is_bad ? -EINVAL : SIO_API(t.ns)->clients_data(&t, keys, each, arg);
}

static inline int
sio_ns_rooms(sio_ns *ns, void (*each)(void *arg, const char *room, int sessions), void *arg)
{
	return ns == NULL ? -EINVAL : SIO_API(ns)->ns_rooms(ns, each, arg);
}

static inline int
sio_ns_rooms_n(
    sio_ns *ns, void (*each)(void *arg, const char *room, size_t n, int sessions), void *arg)
{
	return ns == NULL ? -EINVAL : SIO_API(ns)->ns_rooms_n(ns, each, arg);
}

static inline const char *
sio_node(const void *handle)
{
	return handle == NULL ? "" : SIO_API(handle)->node(handle);
}

static inline const char *
sio_arg(const void *handle, const char *args, size_t i)
{
	return handle == NULL ? NULL : SIO_API(handle)->arg(handle, args, i);
}

static inline const char *
sio_text(const void *handle, const char *json)
{
	return handle == NULL ? NULL : SIO_API(handle)->text(handle, json);
}

static inline const char *
sio_text_n(const void *handle, const char *json, size_t *n)
{
	*n = 0;
	return handle == NULL ? NULL : SIO_API(handle)->text_n(handle, json, n);
}

static inline const char *
sio_quote(const void *handle, const char *text, size_t n)
{
	return handle == NULL ? NULL : SIO_API(handle)->quote(handle, text, n);
}

static inline const char *
sio_args(const void *handle, const char *kinds, ...)
{
	va_list values;
	const char *json;

	if (handle == NULL)
		return "(sio_args: the handle is NULL)";
	va_start(values, kinds);
	json = SIO_API(handle)->args(handle, kinds, values);
	va_end(values);
	return json;
}

static inline int
sio_kind(const void *handle, const char *json)
{
	return handle == NULL ? SIO_NOT_JSON : SIO_API(handle)->kind(handle, json);
}

static inline bool
sio_bool(const void *handle, const char *json, bool *out)
{
	return handle != NULL && SIO_API(handle)->to_bool(handle, json, out);
}

static inline bool
sio_number(const void *handle, const char *json, double *out)
{
	return handle != NULL && SIO_API(handle)->number(handle, json, out);
}

static inline bool
sio_integer(const void *handle, const char *json, int64_t *out)
{
	return handle != NULL && SIO_API(handle)->integer(handle, json, out);
}

static inline int
sio_length(const void *handle, const char *json)
{
	return handle == NULL ? -EINVAL : SIO_API(handle)->length(handle, json);
}

static inline const char *const *
sio_elements(const void *handle, const char *json, size_t *n)
{
	*n = 0;
	return handle == NULL ? NULL : SIO_API(handle)->elements(handle, json, n);
}

static inline const char *
sio_member(const void *handle, const char *json, const char *name)
{
	return handle == NULL ? NULL : SIO_API(handle)->member(handle, json, name);
}

static inline const char *
sio_member_n(const void *handle, const char *json, const char *name, size_t n)
{
	return handle == NULL ? NULL : SIO_API(handle)->member_n(handle, json, name, n);
}

static inline const sio_field *
sio_members(const void *handle, const char *json, size_t *n)
{
	*n = 0;
	return handle == NULL ? NULL : SIO_API(handle)->members(handle, json, n);
}

static inline const sio_field *
sio_members_n(const void *handle, const char *json, size_t *n)
{
	*n = 0;
	return handle == NULL ? NULL : SIO_API(handle)->members_n(handle, json, n);
}

static inline sio_builder *
sio_build(const void *handle)
{
	return handle == NULL ? NULL : SIO_API(handle)->build(handle);
}

static inline void
sio_build_object(sio_builder *b)
{
	if (b != NULL)
		SIO_API(b)->build_object(b);
}

static inline void
sio_build_array(sio_builder *b)
{
	if (b != NULL)
		SIO_API(b)->build_array(b);
}

static inline void
sio_build_end(sio_builder *b)
{
	if (b != NULL)
		SIO_API(b)->build_end(b);
}

static inline void
sio_build_name_n(sio_builder *b, const char *name, size_t n)
{
	if (b != NULL)
		SIO_API(b)->build_name(b, name, n);
}

static inline void
sio_build_name(sio_builder *b, const char *name)
{
	sio_build_name_n(b, name, name == NULL ? 0 : strlen(name));
}

static inline void
sio_build_text_n(sio_builder *b, const char *text, size_t n)
{
	if (b != NULL)
		SIO_API(b)->build_text(b, text, n);
}

static inline void
sio_build_text(sio_builder *b, const char *text)
{
	sio_build_text_n(b, text, text == NULL ? 0 : strlen(text));
}

static inline void
sio_build_integer(sio_builder *b, int64_t value)
{
	if (b != NULL)
		SIO_API(b)->build_integer(b, value);
}

static inline void
sio_build_number(sio_builder *b, double value)
{
	if (b != NULL)
		SIO_API(b)->build_number(b, value);
}

static inline void
sio_build_bool(sio_builder *b, bool value)
{
	if (b != NULL)
		SIO_API(b)->build_bool(b, value);
}

static inline void
sio_build_json(sio_builder *b, const char *json)
{
	if (b != NULL)
		SIO_API(b)->build_json(b, json);
}

static inline const char *
sio_built(sio_builder *b)
{
	return b == NULL ? "(sio_build: no memory, or its handle is NULL)" : SIO_API(b)->built(b);
}

#endif
