#include "wsd/keeper.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "shared/base/log.h"
#include "shared/base/passed.h"

static const int passed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

struct keeper {
	pid_t pid;  /* which serves */
	int line;   /* to it; -1: it has closed it */
	pid_t next; /* which has taken over from that; 0: none */
	int next_line;
};

/* --- what is told --------------------------------------------------------------------------- */

static int
send_next(int line, const struct successor *s)
{
	return passed_send(line, &s->pid, sizeof(s->pid), &s->line, 1) == sizeof(s->pid) ? 0 : -1;
}

/* Whether the one that serves has told who has taken over from it. */
static bool
keeper_hear(struct keeper *k)
{
	pid_t pid;
	size_t n;

	if (k->next != 0 || k->line == -1)
		return k->next != 0;
	if (passed_receive(k->line, &pid, sizeof(pid), &k->next_line, 1, &n) != sizeof(pid) ||
	    n != 1)
		return false;
	k->next = pid;
	return true;
}

/* --- signals -------------------------------------------------------------------------------- */

static void
list_signals(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(set, passed_on[i]);
}

static void
pass_signal(pid_t pid, const siginfo_t *info)
{
	/* Ctrl-C reaches every process of the terminal, the other one too */
	if (info->si_signo != SIGINT || info->si_code == SI_USER)
		(void)kill(pid, info->si_signo);
}

void
keeper_hold_signals(void)
{
	sigset_t held;

	list_signals(&held);
	sigprocmask(SIG_BLOCK, &held, NULL);
}

/* --- the process between two ---------------------------------------------------------------- */

int
keeper_tell(int line, const struct successor *s)
{
	static const struct timespec at_once;
	sigset_t held;
	siginfo_t info;

	/* so that it takes the next SIGUSR2: predecessor_lives() */
	if (s->line == -1 || shutdown(s->line, SHUT_WR) == -1 || send_next(line, s) == -1)
		return -1;
	/* what came too late for us; from now on they are passed on to it */
	list_signals(&held);
	while (sigtimedwait(&held, &info, &at_once) > 0)
		pass_signal(s->pid, &info);
	return 0;
}

/* --- the first ------------------------------------------------------------------------------ */

/* Processes that the one which serves has left behind, or that an application has. */
static void
reap_others(struct keeper *k)
{
	siginfo_t info = {.si_pid = 0};

	/* one that takes over becomes our child only after we were told of it: its status stays for
	 * when the one before it has been waited for */
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0 &&
	       info.si_pid != k->pid && !(keeper_hear(k) && info.si_pid == k->next)) {
		(void)waitpid(info.si_pid, NULL, WNOHANG);
		info.si_pid = 0;
	}
}

static void
keeper_begin(struct keeper *k)
{
	sigset_t watched;

	/* before the other one may be replaced, which makes its child ours */
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1UL);
	if (k->line != -1)
		(void)shutdown(k->line, SHUT_WR);
	keeper_hold_signals();
	sigemptyset(&watched);
	sigaddset(&watched, SIGCHLD);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	/* one that is ignored, or of which the loop's handler is left, would not be waited for */
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		signal(passed_on[i], SIG_DFL);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

/* Whether there is one. */
static bool
go_on_with_next(struct keeper *k)
{
	if (!keeper_hear(k))
		return false;
	if (k->line != -1)
		close(k->line);
	k->pid = k->next;
	k->line = k->next_line;
	k->next = 0;
	return true;
}

static int
code_of_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
keeper_run(const struct successor *s)
{
	struct keeper k = {.pid = s->pid, .line = s->line};
	sigset_t watched;
	siginfo_t info;
	int status;

	keeper_begin(&k);
	list_signals(&watched);
	sigaddset(&watched, SIGCHLD);
	for (;;) {
		pid_t ended = waitpid(k.pid, &status, WNOHANG);

		if (ended == k.pid) {
			if (!go_on_with_next(&k))
				return code_of_status(status);
			continue;
		}
		if (ended == -1 && errno != EINTR)
			return EX_SOFTWARE;
		reap_others(&k);
		if (sigwaitinfo(&watched, &info) == -1 || info.si_signo == SIGCHLD)
			continue;
		/* or a log that was rotated away would take its place on the disk for ever */
		if (info.si_signo == SIGHUP)
			log_reopen();
		pass_signal(keeper_hear(&k) ? k.next : k.pid, &info);
	}
}
