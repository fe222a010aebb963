#include "shared/base/thread.h"

#include <signal.h>
#include <stddef.h>
#include <time.h>

#define STACK_BYTES ((size_t)256 << 10) /* hosting accounts limit the address space */

int
thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, int signal_number)
{
	pthread_attr_t attr;
	sigset_t blocked, before;
	int error;

	if (pthread_attr_init(&attr) != 0)
		return -1;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* before it starts, since it inherits the mask: a signal could come first */
	sigfillset(&blocked);
	if (signal_number != 0)
		sigdelset(&blocked, signal_number);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	error = pthread_create(thread, &attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error == 0 ? 0 : -1;
}

void
thread_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attr);
	pthread_condattr_destroy(&attr);
}
