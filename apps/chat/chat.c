/* chat: one room, the lobby, for every client that has logged in with a name.
 *
 * In the default namespace a client may emit
 *
 *	login(name, key)  acks [null, {"name", "transport", "here": [[name, transport], ...]}],
 *	                  or the error: ["invalid"], ["taken"], ["full"]
 *	say(text)         acks [null], or ["invalid"]
 *	typing(bool)      no ack
 *
 * and receives, about the other clients
 *
 *	joined(name, transport)   moved(name, transport)   left(name)
 *	said(name, text)          typing(name, bool)       (the last one is volatile)
 *
 * and in a cluster, once it is connected, node(name): the node that has its session.
 *
 * A name has 1 to 20 characters; the lobby holds 100 people.  `key` is a secret that the client
 * generates.  A login with the name and key of someone already in the lobby is the same person on a
 * new connection: the old session ends, and the others receive `moved`.  So a connection that broke
 * silently does not lock its owner out, and changing the transport keeps the name.
 *
 * Any process may run any of these handlers, so this file has no state of its own: sio_set() keeps
 * "name" and "key", and the people here are the sessions in the room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pollux/pollux.h>

#define LOBBY "lobby"

#define PEOPLE_MAX     100
#define NAME_MAX_CHARS 20
#define KEY_MAX_BYTES  64
#define TEXT_MAX_CHARS 1000

/* --- valid input ----------------------------------------------------------------------------- */

static size_t
count_chars(const char *text)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80; /* skip UTF-8 continuation bytes */
	return n;
}

/* Refuse empty names, control characters, and leading or trailing spaces: with these, two different
 * names could look the same. */
static bool
is_name(const char *text)
{
	size_t n = text == NULL ? 0 : strlen(text);

	if (n == 0 || count_chars(text) > NAME_MAX_CHARS || text[0] == ' ' || text[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static bool
is_key(const char *text)
{
	return text != NULL && text[0] != '\0' && strlen(text) <= KEY_MAX_BYTES;
}

static bool
is_message(const char *text)
{
	return text != NULL && text[0] != '\0' && count_chars(text) <= TEXT_MAX_CHARS;
}

/* --- who is here ----------------------------------------------------------------------------- */

struct people {
	sio_socket *asking;
	const char *id[PEOPLE_MAX];
	int n;
};

static void
add_person(void *arg, const char *id)
{
	struct people *people = arg;

	if (people->n < PEOPLE_MAX)
		people->id[people->n++] = sio_format(people->asking, "%s", id);
}

static struct people
people_here(sio_socket *s)
{
	struct people people = {.asking = s};

	sio_clients(sio_in(s, LOBBY), add_person, &people);
	return people;
}

/* Return a value that is stored as a JSON string. */
static const char *
stored_text(sio_socket *s, const char *key)
{
	return s == NULL ? NULL : sio_text(s, sio_get(s, key));
}

static int
store_text(sio_socket *s, const char *key, const char *text)
{
	const char *json = sio_quote(s, text, strlen(text));

	return json == NULL ? -1 : sio_set(s, key, json);
}

/* Whoever has the name, but for the one who asks; NULL: nobody. */
static sio_socket *
find_by_name(const struct people *people, const char *name)
{
	for (int i = 0; i < people->n; i++) {
		sio_socket *person = sio_find(people->asking, people->id[i]);
		const char *held;

		if (strcmp(people->id[i], sio_id(people->asking)) == 0)
			continue;
		held = stored_text(person, "name");
		if (held != NULL && strcasecmp(held, name) == 0)
			return person;
	}
	return NULL;
}

/* Return [["Ada","websocket"],...] as malloc'ed text, or NULL if out of memory. */
static char *
list_people(const struct people *people)
{
	char *text = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&text, &n);
	const char *comma = "";

	if (out == NULL)
		return NULL;
	fputc('[', out);
	for (int i = 0; i < people->n; i++) {
		sio_socket *person = sio_find(people->asking, people->id[i]);
		const char *name = person == NULL ? NULL : sio_get(person, "name");

		if (name == NULL)
			continue;
		fprintf(out, "%s[%s,\"%s\"]", comma, name, sio_transport(person));
		comma = ",";
	}
	fputc(']', out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* --- coming and going ------------------------------------------------------------------------ */

static void
tell_others(sio_socket *s, const char *event, const char *args)
{
	if (args != NULL)
		sio_emit_to(sio_broadcast_to(s, LOBBY), event, args);
}

static bool
has_key(sio_socket *s, const char *key)
{
	const char *held = stored_text(s, "key");

	return held != NULL && strcmp(held, key) == 0;
}

static void
refuse_login(sio_socket *s, const sio_event *e, const char *why)
{
	sio_del(s, "name");
	sio_del(s, "key");
	sio_ack(s, e, sio_format(s, "[\"%s\"]", why));
}

/* End the old session of someone who is back on a new connection.  Without a name, on_disconnect()
 * does not tell the others that it left.  If its node is dead, its name stays. */
static void
retire_session(sio_socket *old)
{
	sio_del(old, "name");
	sio_disconnect_session(old);
}

static void
enter_lobby(sio_socket *s, const sio_event *e, bool is_back)
{
	const char *name = sio_get(s, "name"), *transport = sio_transport(s);
	struct people people;
	char *here;

	sio_join(s, LOBBY);
	tell_others(s, is_back ? "moved" : "joined", sio_format(s, "[%s,\"%s\"]", name, transport));
	people = people_here(s);
	here = list_people(&people);
	sio_ack(s, e,
	    sio_format(s, "[null,{\"name\":%s,\"transport\":\"%s\",\"here\":%s}]", name, transport,
		here == NULL ? "[]" : here));
	free(here);
}

static void
on_connection(sio_socket *s, const sio_event *e, void *user)
{
	const char *node = sio_node(s);

	if (node[0] != '\0')
		sio_emit(s, "node", sio_args(s, "s", node));
}

static void
on_login(sio_socket *s, const sio_event *e, void *user)
{
	const char *name = sio_text(s, sio_arg(s, e->args, 0));
	const char *key = sio_text(s, sio_arg(s, e->args, 1));
	struct people people;
	sio_socket *holder;

	if (sio_get(s, "name") != NULL || !is_name(name) || !is_key(key)) {
		sio_ack(s, e, "[\"invalid\"]");
		return;
	}
	/* Store the name before looking for another session that has it: the first write of a handler
	 * takes the lock that all processes share, so no other process can take the name meanwhile. */
	if (store_text(s, "name", name) != 0 || store_text(s, "key", key) != 0)
		return;
	people = people_here(s);
	holder = find_by_name(&people, name);
	if (holder != NULL && !has_key(holder, key)) {
		refuse_login(s, e, "taken");
	} else if (holder == NULL && people.n == PEOPLE_MAX) {
		refuse_login(s, e, "full");
	} else {
		if (holder != NULL)
			retire_session(holder);
		enter_lobby(s, e, holder != NULL);
	}
}

static void
on_disconnect(sio_socket *s, const sio_event *e, void *user)
{
	const char *name = sio_get(s, "name");
	struct people people;

	if (name == NULL)
		return;
	/* the end of a node is told seconds late: perhaps they are back on another */
	people = people_here(s);
	if (find_by_name(&people, stored_text(s, "name")) == NULL)
		tell_others(s, "left", sio_format(s, "[%s]", name));
}

/* --- talking --------------------------------------------------------------------------------- */

static void
on_say(sio_socket *s, const sio_event *e, void *user)
{
	const char *name = sio_get(s, "name"), *text = sio_arg(s, e->args, 0);

	if (name == NULL || !is_message(sio_text(s, text))) {
		sio_ack(s, e, "[\"invalid\"]");
		return;
	}
	tell_others(s, "said", sio_format(s, "[%s,%s]", name, text));
	sio_ack(s, e, "[null]");
}

static void
on_typing(sio_socket *s, const sio_event *e, void *user)
{
	const char *name = sio_get(s, "name"), *on = sio_arg(s, e->args, 0);
	const char *args;

	if (name == NULL || on == NULL || (strcmp(on, "true") != 0 && strcmp(on, "false") != 0))
		return;
	args = sio_format(s, "[%s,%s]", name, on);
	if (args != NULL)
		sio_emit_to(sio_volatile(sio_broadcast_to(s, LOBBY)), "typing", args);
}

int
pollux_app(sio_app *app)
{
	sio_ns *root = sio_of(app, "");

	if (sio_on(root, "connection", on_connection, NULL) != 0 ||
	    sio_on(root, "login", on_login, NULL) != 0 || sio_on(root, "say", on_say, NULL) != 0 ||
	    sio_on(root, "typing", on_typing, NULL) != 0 ||
	    sio_on(root, "disconnect", on_disconnect, NULL) != 0)
		return -1;
	return 0;
}
SIO_APP_ABI
