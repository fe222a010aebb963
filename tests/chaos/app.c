/* app: the application of the chaos.  A client names itself and its room in the query of its
 * handshake.
 *
 *	tick(k)         is answered tock(k, node); the others of the room get heard(name, k, id), with
 *	                the public id of the speaker
 *	say(id, k, t)   that session gets said(name, k, t); the ack tells whether it was there
 *	ask(id, k, t)   the same, and its client is asked for an ack, of which the speaker is told by
 *	                answer(name, k)
 *
 * Connections and ends go to the file CHAOS_LEDGER, a line each:
 *
 *	milliseconds of CLOCK_MONOTONIC, pid, node or -, connected or gone, public id, name or -, reason
 *
 * There is no name of a session that was lost with its node.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <pollux/pollux.h>

static const char *
name_of(sio_socket *s)
{
	const char *name = sio_query(sio_socket_handshake(s), "name");

	return name == NULL ? "" : name;
}

static const char *
or_dash(const char *word)
{
	return word[0] == '\0' ? "-" : word;
}

/* Append a line with one write(), so that lines of several processes do not mix. */
static void
note(sio_socket *s, const char *what, const char *reason)
{
	const char *path = getenv("CHAOS_LEDGER");
	struct timespec now;
	char line[256];
	int fd, n;

	if (path == NULL || (fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)) == -1)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	n = snprintf(line, sizeof(line), "%lld %d %s %s %s %s %s\n",
	    (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, (int)getpid(),
	    or_dash(sio_node(s)), what, sio_id(s), or_dash(name_of(s)), reason);
	if (n > 0 && (size_t)n < sizeof(line) && write(fd, line, (size_t)n) == -1)
		perror("chaos ledger");
	close(fd);
}

static void
on_connection(sio_socket *s, const sio_event *e, void *user)
{
	const char *room = sio_query(sio_socket_handshake(s), "room");

	(void)e;
	(void)user;
	if (room != NULL)
		sio_join(s, room);
	note(s, "connected", "");
}

static void
on_disconnect(sio_socket *s, const sio_event *e, void *user)
{
	(void)user;
	note(s, "gone", e->text == NULL ? "" : e->text);
}

static void
on_tick(sio_socket *s, const sio_event *e, void *user)
{
	const char *room = sio_query(sio_socket_handshake(s), "room");
	const char *number = sio_arg(s, e->args, 0);

	(void)user;
	if (number == NULL)
		return;
	sio_emit(s, "tock", sio_args(s, "js", number, sio_node(s)));
	if (room != NULL)
		sio_emit_to(sio_broadcast_to(s, room), "heard",
		    sio_args(s, "sjs", name_of(s), number, sio_id(s)));
}

/* The session that `e` names, or NULL; `*said` are the arguments of what it gets. */
static sio_socket *
find_hearer(sio_socket *s, const sio_event *e, const char **said)
{
	const char *id = sio_text(s, sio_arg(s, e->args, 0));
	const char *number = sio_arg(s, e->args, 1);
	const char *tick = sio_arg(s, e->args, 2);

	*said = sio_args(s, "sjj", name_of(s), number, tick);
	return id == NULL ? NULL : sio_find(s, id);
}

static void
on_say(sio_socket *s, const sio_event *e, void *user)
{
	const char *said;
	sio_socket *hearer = find_hearer(s, e, &said);

	(void)user;
	sio_ack(
	    s, e, sio_args(s, "b", (int)(hearer != NULL && sio_emit(hearer, "said", said) == 0)));
}

static void
on_ask(sio_socket *s, const sio_event *e, void *user)
{
	const char *context = sio_args(s, "sj", sio_id(s), sio_arg(s, e->args, 1));
	const char *said;
	sio_socket *hearer = find_hearer(s, e, &said);

	(void)user;
	sio_ack(s, e,
	    sio_args(s, "b",
		(int)(hearer != NULL &&
		      sio_emit_ack(hearer, "said", said, "said", context, 0) == 0)));
}

/* The hearer, `s`, has answered. */
static void
on_answer(sio_socket *s, const sio_event *e, void *user)
{
	const char *id = sio_text(s, sio_arg(s, e->context, 0));
	const char *number = sio_arg(s, e->context, 1);

	(void)user;
	if (id != NULL && number != NULL)
		sio_emit_to(sio_to(s, id), "answer", sio_args(s, "sj", name_of(s), number));
}

int
pollux_app(sio_app *app)
{
	sio_ns *root = sio_of(app, "");

	if (sio_on(root, "connection", on_connection, NULL) != 0 ||
	    sio_on(root, "disconnect", on_disconnect, NULL) != 0)
		return -1;
	if (sio_on(root, "tick", on_tick, NULL) != 0 || sio_on(root, "say", on_say, NULL) != 0 ||
	    sio_on(root, "ask", on_ask, NULL) != 0)
		return -1;
	return sio_on_ack(root, "said", on_answer, NULL);
}
SIO_APP_ABI
