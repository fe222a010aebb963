#include "shared/base/daemon.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Some containers allow a billion; a table of so many is not what anyone wants. */
#define DESCRIPTORS_MAX ((rlim_t)1 << 20)

/* Descriptors that are no connections: store, wake-ups, log, listeners, the module's. */
#define DESCRIPTORS_OWN 64

static error_t
parse_option(int key, char *arg, struct argp_state *state)
{
	struct daemon_options *o = state->input;
	size_t n = 0;

	switch (key) {
	case 'c':
		while (o->paths[n] != NULL)
			n++;
		if (n == DAEMON_FILES)
			argp_error(state, "more than %d configuration files", DAEMON_FILES);
		o->paths[n] = arg;
		return 0;
	case 'l':
		o->listen = arg;
		return 0;
	case 't':
		o->test = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "what is %s?", arg);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option option_table[] = {
    {"config", 'c', "FILE", 0, "Read FILE, later ones win (default: POLLUX_CONF)", 0},
    {"listen", 'l', "ADDRESS", 0, "Listen on ADDRESS, and not where the configuration says", 0},
    {"test", 't', NULL, 0, "Check the configuration and exit", 0},
    {0},
};

void
daemon_options(
    struct daemon_options *o, const char *program, const char *doc, int argc, char **argv)
{
	struct argp argp = {.options = option_table, .parser = parse_option, .doc = doc};

	argp_program_version = program;
	*o = (struct daemon_options){.test = false};
	argp_parse(&argp, argc, argv, 0, NULL, o);
}

void
daemon_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

size_t
daemon_raise_descriptors(void)
{
	struct rlimit limit;
	rlim_t want;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 1024 - DESCRIPTORS_OWN;
	want = limit.rlim_max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : limit.rlim_max;
	if (limit.rlim_cur < want) {
		limit.rlim_cur = want;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur > 2 * DESCRIPTORS_OWN ? (size_t)limit.rlim_cur - DESCRIPTORS_OWN
	                                            : DESCRIPTORS_OWN;
}

/* A socket that is connected to the service manager; -1: not yet, or there is none. */
static int manager = -1;

void
daemon_find_manager(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t n = path == NULL ? 0 : strlen(path);
	socklen_t to_n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);

	if (manager != -1 || n == 0 || n >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@') /* an abstract name */
		to.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager != -1 && connect(manager, (const struct sockaddr *)&to, to_n) == -1) {
		close(manager);
		manager = -1;
	}
}

void
daemon_notify(const char *state)
{
	daemon_find_manager();
	if (manager != -1)
		(void)send(manager, state, strlen(state), MSG_NOSIGNAL);
}
