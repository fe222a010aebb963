#include "wsd/successor.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "shared/base/handed.h"
#include "shared/base/log.h"
#include "shared/transport/server.h"

extern char **environ;

void
successor_remember(struct successor_command *command, char **argv)
{
	char folder[PATH_MAX] = "";
	int n;

	command->argv = argv;
	/* relative to where we are now; a bare name is found again as it was found at the start */
	if (argv[0][0] != '/' && strchr(argv[0], '/') != NULL &&
	    getcwd(folder, sizeof(folder) - 1) != NULL)
		strcat(folder, "/");
	n = snprintf(command->path, sizeof(command->path), "%s%s", folder, argv[0]);
	if (n < 0 || (size_t)n >= sizeof(command->path))
		command->path[0] = '\0';
}

int
successor_pairs(int *ours, int *theirs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int pair[2], saved;

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0) {
			ours[i] = pair[0];
			theirs[i] = pair[1];
			continue;
		}
		saved = errno;
		while (i-- > 0) {
			close(ours[i]);
			close(theirs[i]);
		}
		errno = saved;
		return -1;
	}
	return 0;
}

/* --- starting it ---------------------------------------------------------------------------- */

/* The environment with HANDED_NAME; owned.  NULL: out of memory. */
static char **
make_environment(char *handed)
{
	size_t n = 0, k = 0;
	char **all;

	while (environ[n] != NULL)
		n++;
	all = malloc((n + 2) * sizeof(*all));
	for (size_t i = 0; all != NULL && i < n; i++)
		if (strncmp(environ[i], HANDED_NAME "=", sizeof(HANDED_NAME)) != 0)
			all[k++] = environ[i];
	if (all != NULL) {
		all[k++] = handed;
		all[k] = NULL;
	}
	return all;
}

static int
describe_handed(
    char *text, size_t size, const struct config *cfg, size_t ends, const struct listen *sockets)
{
	const struct handed *handed = handed_find();
	bool by_systemd = listen_inherited() > 0 || (handed != NULL && handed->by_systemd);
	unsigned tls = 0;
	struct stat sb;

	if (stat(cfg->data, &sb) == -1)
		return -1;
	for (size_t i = 0; i < sockets->n; i++)
		tls |= (unsigned)sockets->tls[i] << i;
	snprintf(text, size, HANDED_NAME "=" HANDED_FORMAT, HANDED_VERSION, ends, sockets->n,
	    (unsigned)by_systemd, tls, (uintmax_t)sb.st_dev, (uintmax_t)sb.st_ino);
	return 0;
}

/* Have descriptor `fd` be number `to` in the new program.  `copies` owns what must be open until
 * then: a number from 3 on may be that of another one which is still to be copied. */
static int
add_descriptor(posix_spawn_file_actions_t *actions, int fd, int to, int above, int *copies)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, above);

	if (copy == -1)
		return -1;
	*copies = copy;
	errno = posix_spawn_file_actions_adddup2(actions, copy, to);
	return errno == 0 ? 0 : -1;
}

static int
spawn_successor(struct successor *s, const struct successor_command *command, char **environment,
    const int *descriptors, size_t n, const sigset_t *mask)
{
	int copies[1 + HANDED_ENDS_MAX + HANDED_SOCKETS_MAX], error;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	size_t copied = 0;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, mask);
	for (error = 0; copied < n; copied++) {
		if (add_descriptor(&actions, descriptors[copied], HANDED_LINE + (int)copied,
			HANDED_LINE + (int)n, &copies[copied]) == -1) {
			error = errno;
			break;
		}
	}
	if (error == 0)
		error = posix_spawnp(
		    &s->pid, command->path, &actions, &attributes, command->argv, environment);
	while (copied > 0)
		close(copies[--copied]);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
start_with(struct successor *s, const struct successor_command *command, const struct config *cfg,
    const struct listen *sockets, const int *theirs, size_t n, const sigset_t *mask)
{
	int descriptors[1 + HANDED_ENDS_MAX + HANDED_SOCKETS_MAX], line[2];
	char **environment, text[128];
	size_t k = 0;
	int result;

	if (n > HANDED_ENDS_MAX || sockets->n > HANDED_SOCKETS_MAX) {
		errno = E2BIG;
		return -1;
	}
	if (describe_handed(text, sizeof(text), cfg, n, sockets) == -1 ||
	    successor_pairs(&line[0], &line[1], 1) == -1)
		return -1;
	descriptors[k++] = line[1];
	for (size_t i = 0; i < n; i++)
		descriptors[k++] = theirs[i];
	for (size_t i = 0; i < sockets->n; i++)
		descriptors[k++] = sockets->fd[i];
	environment = make_environment(text);
	result = environment == NULL
	             ? -1
	             : spawn_successor(s, command, environment, descriptors, k, mask);
	free(environment);
	close(line[1]);
	s->line = line[0];
	if (result == -1)
		successor_let_go(s);
	return result;
}

int
successor_start(struct successor *s, const struct successor_command *command,
    const struct config *cfg, const struct listen *sockets, const int *theirs, size_t n,
    const sigset_t *mask)
{
	int result, saved;

	*s = (struct successor){.line = -1};
	result = start_with(s, command, cfg, sockets, theirs, n, mask);
	saved = errno;
	for (size_t i = 0; i < n; i++)
		close(theirs[i]);
	errno = saved;
	if (result == -1) {
		s->pid = 0;
		log_err(
		    "the new version is not started, and this one serves on: %s", command->path);
		return -1;
	}
	log_info("starting the new version, as process %d", (int)s->pid);
	return 0;
}

/* --- what becomes of it --------------------------------------------------------------------- */

bool
successor_hear(struct successor *s)
{
	char said = '\0';
	ssize_t n = s->line == -1 ? -1 : recv(s->line, &said, 1, MSG_DONTWAIT);

	if (n == 1 && said == SUCCESSOR_SERVES && !s->serves) {
		s->serves = true;
		return true;
	}
	if (n == 0)
		successor_let_go(s);
	return false;
}

void
successor_kill(struct successor *s)
{
	if (s->pid == 0 || s->killed)
		return;
	s->killed = true;
	(void)kill(s->pid, SIGKILL);
}

void
successor_ended(struct successor *s, int status)
{
	const char *when =
	    s->serves ? "after it had begun to take over" : "before it could take over";
	const char *goes_on = "this one serves on";

	if (s->killed)
		log_errx("the new version, process %d, did not take over: it is not pollux-wsd, or "
			 "one that cannot, or was not ready in %d s; %s",
		    (int)s->pid, SUCCESSOR_PATIENCE_MS / 1000, goes_on);
	else if (WIFSIGNALED(status))
		log_errx("the new version, process %d, was ended by signal %d (%s) %s; %s",
		    (int)s->pid, WTERMSIG(status), strsignal(WTERMSIG(status)), when, goes_on);
	else
		log_errx("the new version, process %d, has ended with code %d %s; %s", (int)s->pid,
		    WEXITSTATUS(status), when, goes_on);
	s->pid = 0;
	s->serves = s->killed = false;
	successor_let_go(s);
}

void
successor_let_go(struct successor *s)
{
	if (s->line != -1)
		close(s->line);
	s->line = -1;
}
