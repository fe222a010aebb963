#include "wsd/worker.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/base/daemon.h"
#include "shared/base/passed.h"

/* The signals that wait until the loop can take them. */
static void
set_waiting_signals(sigset_t *set)
{
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	sigaddset(set, WORKER_SIGNAL);
}

int
worker_begin(const struct worker *self, const sigset_t *mask)
{
	sigset_t blocked = *mask;

	/* the kernel tells us when the first process dies; it may have died before we asked */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1 || worker_is_orphan(self))
		return -1;
	/* Ctrl-C reaches every process of a terminal; the first one passes it on */
	signal(SIGINT, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	/* a log that was renamed meanwhile must not stay open; SIGTERM ends us until then */
	set_waiting_signals(&blocked);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	daemon_become_worker();
	return 0;
}

void
worker_divide(const struct worker *self, struct config *cfg)
{
	/* 0 is no limit: a worker has one connection at least */
	if (cfg->connections != 0) {
		cfg->connections =
		    cfg->connections / self->n + (self->index < cfg->connections % self->n);
		if (cfg->connections == 0)
			cfg->connections = 1;
	}
	cfg->wsd_queue_memory /= self->n;
}

void
worker_ready(void)
{
	sigset_t waiting;

	sigemptyset(&waiting);
	set_waiting_signals(&waiting);
	sigprocmask(SIG_UNBLOCK, &waiting, NULL);
	/* it looks at the balance then */
	(void)kill(getppid(), WORKER_SIGNAL);
}

int
worker_pass_ends(int control, const int *ends, size_t n)
{
	const char byte = 0;

	return passed_send(control, &byte, 1, ends, n) == 1 ? 0 : -1;
}

int
worker_take_ends(int control, int *ends, size_t most, size_t *n)
{
	char byte;
	ssize_t got = passed_receive(control, &byte, 1, ends, most, n);

	if (got == 1)
		return 1;
	return got == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

bool
worker_is_orphan(const struct worker *self)
{
	return getppid() != self->parent;
}
