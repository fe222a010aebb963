#include "wsd/worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/daemon.h"

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

#define PASSED_MOST 16

/* Room for the descriptors of one message. */
union passed {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(PASSED_MOST * sizeof(int))];
};

int
worker_pass_ends(int control, const int *ends, size_t n)
{
	union passed passed;
	char byte = 0;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > PASSED_MOST) {
		errno = E2BIG;
		return -1;
	}
	if (n == 0)
		return sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -1;
	memset(&passed, 0, sizeof(passed));
	message.msg_control = &passed;
	message.msg_controllen = CMSG_SPACE(n * sizeof(int));
	passed.head.cmsg_level = SOL_SOCKET;
	passed.head.cmsg_type = SCM_RIGHTS;
	passed.head.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&passed.head), ends, n * sizeof(int));
	return sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == 1 ? 0 : -1;
}

int
worker_take_ends(int control, int *ends, size_t most, size_t *n)
{
	union passed passed;
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &passed,
	    .msg_controllen = sizeof(passed)};
	ssize_t got = recvmsg(control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*n = 0;
	if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS) {
		size_t passed_n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < passed_n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof(fd), sizeof(fd));
			if (*n < most)
				ends[(*n)++] = fd;
			else
				close(fd);
		}
	}
	if (got == 1)
		return 1;
	return got == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? 0 : -1;
}

bool
worker_is_orphan(const struct worker *self)
{
	return getppid() != self->parent;
}
