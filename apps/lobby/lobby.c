/* lobby: people with nicknames; README.md says what clients emit and hear.
 *
 * Any process may run any of these handlers, so this file has no state of its own.  A session has the
 * values "nick", "status" and "number", its place in the order of arrival; and "waiting", who must be
 * told when it leaves: [[LATER, ERROR], ...]. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pollux/pollux.h>

#define LOBBY "lobby"

#define PEOPLE_MAX     100
#define NICK_MAX_CHARS 20
#define TEXT_MAX_CHARS 1000
#define PRIVATE_MS     5000
#define CHECK_MS       2000

/* --- valid input ----------------------------------------------------------------------------- */

static size_t
count_chars(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80; /* skip UTF-8 continuation bytes */
	return n;
}

static bool
is_nick(const char *text)
{
	size_t n = text == NULL ? 0 : strlen(text);

	if (n == 0 || count_chars(text) > NICK_MAX_CHARS || text[0] == ' ' || text[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

/* A text that the client gives as JSON; it may contain U+0000. */
static bool
is_text(const void *handle, const char *json)
{
	size_t n;
	const char *text = sio_text_n(handle, json, &n);
	size_t chars = 0;

	for (size_t i = 0; text != NULL && i < n; i++)
		chars += ((unsigned char)text[i] & 0xc0) != 0x80;
	return chars >= 1 && chars <= TEXT_MAX_CHARS;
}

static bool
is_place(const void *handle, const char *json)
{
	double x;

	return sio_number(handle, json, &x) && x >= 0 && x <= 1;
}

static void
refuse(sio_socket *s, const sio_event *e, const char *why)
{
	sio_ack(s, e, sio_args(s, "s", why));
}

/* --- who is here ----------------------------------------------------------------------------- */

struct member {
	const char *id, *nick, *status; /* the latter two as texts */
	int64_t number;
};

struct members {
	const void *handle; /* whose memory the texts are in */
	struct member list[PEOPLE_MAX];
	int n;
};

static void
add_member(void *arg, const sio_client *c)
{
	struct members *all = arg;
	struct member m = {.id = sio_format(all->handle, "%s", c->id)};

	m.nick = sio_text(all->handle, sio_member(all->handle, c->data, "nick"));
	m.status = sio_text(all->handle, sio_member(all->handle, c->data, "status"));
	if (m.nick == NULL || all->n == PEOPLE_MAX ||
	    !sio_integer(all->handle, sio_member(all->handle, c->data, "number"), &m.number))
		return;
	all->list[all->n++] = m;
}

static int
compare_members(const void *a, const void *b)
{
	const struct member *left = a, *right = b;

	return left->number < right->number ? -1 : left->number > right->number;
}

/* Those in the lobby, in the order of their arrival. */
static void
find_members(struct members *all, const void *handle, sio_target lobby)
{
	all->handle = handle;
	all->n = 0;
	sio_clients_data(lobby, "nick,status,number", add_member, all);
	qsort(all->list, (size_t)all->n, sizeof(*all->list), compare_members);
}

/* NULL: nobody has the nickname. */
static const struct member *
find_nick(const struct members *all, const char *nick)
{
	for (int i = 0; i < all->n; i++)
		if (strcasecmp(all->list[i].nick, nick) == 0)
			return &all->list[i];
	return NULL;
}

static void
build_members(sio_builder *b, const struct members *all, bool with_sessions)
{
	sio_build_array(b);
	for (int i = 0; i < all->n; i++) {
		sio_build_object(b);
		sio_build_name(b, "nick");
		sio_build_text(b, all->list[i].nick);
		sio_build_name(b, "status");
		sio_build_text(b, all->list[i].status);
		if (with_sessions) {
			sio_build_name(b, "session");
			sio_build_text(b, all->list[i].id);
		}
		sio_build_end(b);
	}
	sio_build_end(b);
}

static void
ack_members(sio_socket *s, const sio_event *e, const struct members *all, bool with_sessions)
{
	sio_builder *b = sio_build(s);

	sio_build_array(b);
	sio_build_json(b, NULL);
	build_members(b, all, with_sessions);
	sio_build_end(b);
	sio_ack(s, e, sio_built(b));
}

/* Of a client that has a nickname, as JSON; else refuse and return NULL. */
static const char *
nick_of(sio_socket *s, const sio_event *e)
{
	const char *nick = sio_get(s, "nick");

	if (nick == NULL)
		refuse(s, e, "nameless");
	return nick;
}

/* Tell everybody of a change. */
static void
set_status(sio_socket *s, const char *status)
{
	const char *before = sio_text(s, sio_get(s, "status"));

	if (before == NULL || strcmp(before, status) == 0)
		return;
	sio_set(s, "status", sio_quote(s, status, strlen(status)));
	sio_emit_to(sio_in(s, LOBBY), "status", sio_args(s, "js", sio_get(s, "nick"), status));
}

/* --- coming ---------------------------------------------------------------------------------- */

static void
enter_lobby(sio_socket *s, const sio_event *e, const char *nick)
{
	struct members all;
	sio_builder *b = sio_build(s);

	sio_join(s, LOBBY);
	sio_set_user(s, nick);
	sio_emit_to(sio_broadcast_to(s, LOBBY), "joined", sio_args(s, "s", nick));
	find_members(&all, s, sio_in(s, LOBBY));
	sio_build_array(b);
	sio_build_json(b, NULL);
	sio_build_object(b);
	sio_build_name(b, "nick");
	sio_build_text(b, nick);
	sio_build_name(b, "members");
	build_members(b, &all, false);
	sio_build_end(b);
	sio_build_end(b);
	sio_ack(s, e, sio_built(b));
}

static void
on_nickname(sio_socket *s, const sio_event *e, void *user)
{
	const char *nick = sio_text(s, sio_arg(s, e->args, 0));
	struct members all;
	int64_t number;

	if (sio_has(s, "nick")) {
		refuse(s, e, "named");
		return;
	}
	if (!is_nick(nick)) {
		refuse(s, e, "invalid");
		return;
	}
	/* The first write of a handler takes the lock that all processes share: nobody else can take
	 * the name between the look and the join. */
	if (sio_set(s, "status", "\"here\"") != 0)
		return;
	find_members(&all, s, sio_in(s, LOBBY));
	if (find_nick(&all, nick) != NULL || all.n == PEOPLE_MAX) {
		refuse(s, e, find_nick(&all, nick) != NULL ? "taken" : "full");
		return;
	}
	number = all.n == 0 ? 0 : all.list[all.n - 1].number + 1;
	sio_set(s, "nick", sio_quote(s, nick, strlen(nick)));
	sio_set(s, "number", sio_format(s, "%lld", (long long)number));
	enter_lobby(s, e, nick);
}

/* --- talking --------------------------------------------------------------------------------- */

static void
on_members(sio_socket *s, const sio_event *e, void *user)
{
	struct members all;

	if (nick_of(s, e) == NULL)
		return;
	find_members(&all, s, sio_in(s, LOBBY));
	ack_members(s, e, &all, false);
}

static void
on_say(sio_socket *s, const sio_event *e, void *user)
{
	const char *nick = nick_of(s, e), *text = sio_arg(s, e->args, 0);

	if (nick == NULL)
		return;
	if (!is_text(s, text)) {
		refuse(s, e, "invalid");
		return;
	}
	set_status(s, "here");
	sio_emit_to(sio_broadcast_to(s, LOBBY), "said", sio_args(s, "jj", nick, text));
	sio_ack(s, e, "[null]");
}

static void
on_cursor(sio_socket *s, const sio_event *e, void *user)
{
	const char *nick = sio_get(s, "nick");
	const char *x = sio_arg(s, e->args, 0), *y = sio_arg(s, e->args, 1);

	if (nick == NULL || !is_place(s, x) || !is_place(s, y))
		return;
	sio_emit_to(
	    sio_volatile(sio_broadcast_to(s, LOBBY)), "cursor", sio_args(s, "jjj", nick, x, y));
}

/* --- asking another client, and answering this one when that one has -------------------------- */

/* Change who waits for the client: without `later`, and with it again if `error` is not NULL. */
static void
set_waiting(sio_socket *s, const char *later, const char *error)
{
	size_t n;
	const char *const *list = sio_elements(s, sio_get(s, "waiting"), &n);
	sio_builder *b = sio_build(s);

	sio_build_array(b);
	for (size_t i = 0; i < n; i++) {
		const char *other = sio_text(s, sio_arg(s, list[i], 0));

		if (other != NULL && strcmp(other, later) != 0)
			sio_build_json(b, list[i]);
	}
	if (error != NULL)
		sio_build_json(b, sio_args(s, "ss", later, error));
	sio_build_end(b);
	sio_set(s, "waiting", sio_built(b));
}

/* The member that the first argument names; else refuse and return NULL. */
static sio_socket *
find_other(sio_socket *s, const sio_event *e)
{
	const char *nick = sio_text(s, sio_arg(s, e->args, 0));
	const struct member *member;
	struct members all;
	sio_socket *other;

	find_members(&all, s, sio_in(s, LOBBY));
	member = is_nick(nick) ? find_nick(&all, nick) : NULL;
	other = member == NULL ? NULL : sio_find(s, member->id);
	if (other == NULL)
		refuse(s, e, is_nick(nick) ? "unknown" : "invalid");
	return other;
}

static void
on_private(sio_socket *s, const sio_event *e, void *user)
{
	const char *nick = nick_of(s, e), *text = sio_arg(s, e->args, 1), *later;
	sio_socket *other;

	if (nick == NULL)
		return;
	if (!is_text(s, text)) {
		refuse(s, e, "invalid");
		return;
	}
	sio_set(s, "nick", nick); /* takes the lock, as above: the list is read, and then written */
	other = find_other(s, e);
	if (other == NULL)
		return;
	set_status(s, "here");
	later = sio_ack_later(s, e);
	set_waiting(other, later, "undelivered");
	sio_emit_ack(other, "private", sio_args(s, "jj", nick, text), "private",
	    sio_quote(s, later, strlen(later)), PRIVATE_MS);
}

static void
on_private_acked(sio_socket *s, const sio_event *e, void *user)
{
	const char *later = sio_text(s, e->context);

	sio_answer(s, later, e->timed_out ? "[\"undelivered\"]" : "[null]");
	set_waiting(s, later, NULL);
}

static void
on_check(sio_socket *s, const sio_event *e, void *user)
{
	const char *nick = nick_of(s, e), *later;
	sio_socket *other;

	if (nick == NULL)
		return;
	sio_set(s, "nick", nick); /* takes the lock */
	other = find_other(s, e);
	if (other == NULL)
		return;
	later = sio_ack_later(s, e);
	set_waiting(other, later, "unknown");
	sio_emit_ack(other, "there", NULL, "there", sio_quote(s, later, strlen(later)), CHECK_MS);
}

static void
on_there_acked(sio_socket *s, const sio_event *e, void *user)
{
	const char *later = sio_text(s, e->context), *status = e->timed_out ? "away" : "here";

	set_status(s, status);
	sio_answer(s, later, sio_args(s, "js", NULL, status));
	set_waiting(s, later, NULL);
}

/* --- going ----------------------------------------------------------------------------------- */

static void
on_disconnect(sio_socket *s, const sio_event *e, void *user)
{
	size_t n;
	const char *const *waiting = sio_elements(s, sio_get(s, "waiting"), &n);
	const char *nick = sio_get(s, "nick");

	for (size_t i = 0; i < n; i++)
		sio_answer(s, sio_text(s, sio_arg(s, waiting[i], 0)),
		    sio_args(s, "j", sio_arg(s, waiting[i], 1)));
	if (nick != NULL)
		sio_emit_to(sio_broadcast_to(s, LOBBY), "left", sio_args(s, "j", nick));
}

/* --- the staff; `user` is the default namespace ---------------------------------------------- */

static int
authorize_staff(const sio_handshake *h, void *user)
{
	const char *token = getenv("LOBBY_STAFF"), *given = sio_cookie(h, "staff");
	unsigned differ = 0;

	if (given == NULL)
		given = sio_query(h, "staff");
	if (token == NULL || token[0] == '\0' || given == NULL || strlen(given) != strlen(token))
		return sio_refuse(h, NULL);
	for (size_t i = 0; token[i] != '\0'; i++) /* takes the same time wherever they differ */
		differ |= (unsigned)(token[i] ^ given[i]);
	return differ == 0 ? sio_accept(h, NULL, NULL) : sio_refuse(h, NULL);
}

static void
on_staff_members(sio_socket *s, const sio_event *e, void *user)
{
	struct members all;

	find_members(&all, s, sio_ns_in(user, LOBBY));
	ack_members(s, e, &all, true);
}

static void
on_kick(sio_socket *s, const sio_event *e, void *user)
{
	const char *nick = sio_text(s, sio_arg(s, e->args, 0));
	const struct member *member;
	struct members all;
	sio_socket *other;

	find_members(&all, s, sio_ns_in(user, LOBBY));
	member = is_nick(nick) ? find_nick(&all, nick) : NULL;
	other = member == NULL ? NULL : sio_ns_find(user, member->id);
	if (other == NULL) {
		refuse(s, e, is_nick(nick) ? "unknown" : "invalid");
		return;
	}
	sio_disconnect_session(other);
	sio_ack(s, e, "[null]");
}

static void
on_announce(sio_socket *s, const sio_event *e, void *user)
{
	const char *text = sio_arg(s, e->args, 0);

	if (!is_text(s, text)) {
		refuse(s, e, "invalid");
		return;
	}
	sio_emit_to(sio_ns_in(user, LOBBY), "announcement", sio_args(s, "j", text));
	sio_ack(s, e, "[null]");
}

int
pollux_app(sio_app *app)
{
	sio_ns *root = sio_of(app, ""), *staff = sio_of(app, "/staff");
	int failed = 0;

	failed |= sio_on(root, "nickname", on_nickname, NULL);
	failed |= sio_on(root, "members", on_members, NULL);
	failed |= sio_on(root, "say", on_say, NULL);
	failed |= sio_on(root, "cursor", on_cursor, NULL);
	failed |= sio_on(root, "private", on_private, NULL);
	failed |= sio_on_ack(root, "private", on_private_acked, NULL);
	failed |= sio_on(root, "check", on_check, NULL);
	failed |= sio_on_ack(root, "there", on_there_acked, NULL);
	failed |= sio_on(root, "disconnect", on_disconnect, NULL);
	failed |= sio_ns_authorization(staff, authorize_staff, NULL);
	failed |= sio_on(staff, "members", on_staff_members, root);
	failed |= sio_on(staff, "kick", on_kick, root);
	failed |= sio_on(staff, "announce", on_announce, root);
	return failed == 0 ? 0 : -1;
}
SIO_APP_ABI
