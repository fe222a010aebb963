#include "wsd/keeper.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <sysexits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "shared/base/log.h"

static const int passed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

int
keeper_run(pid_t pid)
{
	sigset_t watched;
	siginfo_t info;
	int status;

	sigemptyset(&watched);
	sigaddset(&watched, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(&watched, passed_on[i]);
	sigprocmask(SIG_BLOCK, &watched, NULL);
	/* one that is ignored, or of which the loop's handler is left, would not be waited for */
	signal(SIGCHLD, SIG_DFL);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		signal(passed_on[i], SIG_DFL);
#ifdef __GLIBC__
	malloc_trim(0);
#endif
	for (;;) {
		pid_t ended = waitpid(pid, &status, WNOHANG);

		if (ended == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (ended == -1 && errno != EINTR)
			return EX_SOFTWARE;
		if (sigwaitinfo(&watched, &info) == -1 || info.si_signo == SIGCHLD)
			continue;
		/* or a log that was rotated away would take its place on the disk for ever */
		if (info.si_signo == SIGHUP)
			log_reopen();
		/* Ctrl-C reaches every process of the terminal, the other one too */
		if (info.si_signo != SIGINT || info.si_code == SI_USER)
			(void)kill(pid, info.si_signo);
	}
}
