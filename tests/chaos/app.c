/* app: the application of the chaos.  A client names itself and its room in the query of its
 * handshake.  It emits tick(k); it is answered tock(k), and the others of its room get
 * heard(name, k).  Connections and ends go to the file CHAOS_LEDGER, a line each:
 *
 *	milliseconds of CLOCK_MONOTONIC, pid, connected or gone, name, reason
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
	n = snprintf(line, sizeof(line), "%lld %d %s %s %s\n",
	    (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, (int)getpid(), what, name_of(s),
	    reason);
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
	sio_emit(s, "tock", e->args);
	if (room != NULL && number != NULL)
		sio_emit_to(sio_broadcast_to(s, room), "heard",
		    sio_format(s, "[\"%s\",%s]", name_of(s), number));
}

int
pollux_app(sio_app *app)
{
	sio_ns *root = sio_of(app, "");

	if (sio_on(root, "connection", on_connection, NULL) != 0 ||
	    sio_on(root, "disconnect", on_disconnect, NULL) != 0)
		return -1;
	return sio_on(root, "tick", on_tick, NULL);
}
SIO_APP_ABI
