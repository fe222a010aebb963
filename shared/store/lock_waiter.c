#include "shared/store/lock_waiter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define STOP_PERIOD_MS 10
#define STACK_BYTES    ((size_t)256 << 10) /* hosting accounts limit the address space */

struct lock_waiter {
	int fd, byte;
	void (*tell)(void *arg);
	void *arg;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	bool has_it, stop, ended; /* under the mutex */
};

static void
raise_flag(struct lock_waiter *w, bool *flag)
{
	pthread_mutex_lock(&w->mutex);
	*flag = true;
	pthread_cond_signal(&w->changed);
	pthread_mutex_unlock(&w->mutex);
}

static bool
must_stop(struct lock_waiter *w)
{
	bool stop;

	pthread_mutex_lock(&w->mutex);
	stop = w->stop;
	pthread_mutex_unlock(&w->mutex);
	return stop;
}

static void *
waiter_main(void *arg)
{
	struct lock_waiter *w = arg;
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = w->byte, .l_len = 1};
	int result;

	do {
		result = fcntl(w->fd, F_OFD_SETLKW, &l);
	} while (result == -1 && errno == EINTR && !must_stop(w));
	if (result == 0) {
		raise_flag(w, &w->has_it);
		w->tell(w->arg);
	}
	raise_flag(w, &w->ended);
	return NULL;
}

static int
start_waiting(struct lock_waiter *w)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int error = pthread_attr_init(&attr);

	if (error != 0)
		return -1;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	/* all signals go to the loop's thread, but for the one that ends this */
	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&w->thread, &attr, waiter_main, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error == 0 ? 0 : -1;
}

static void
free_waiter(struct lock_waiter *w)
{
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

struct lock_waiter *
lock_waiter_start(int fd, int byte, void (*tell)(void *arg), void *arg)
{
	struct lock_waiter *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (w == NULL)
		return NULL;
	w->fd = fd;
	w->byte = byte;
	w->tell = tell;
	w->arg = arg;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (start_waiting(w) == 0)
		return w;
	free_waiter(w);
	return NULL;
}

static bool
wait_for_flag(struct lock_waiter *w, const bool *flag, int timeout_ms)
{
	struct timespec end;
	bool is_set;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += timeout_ms / 1000;
	end.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_nsec -= 1000000000;
		end.tv_sec++;
	}
	pthread_mutex_lock(&w->mutex);
	while (
	    !*flag && timeout_ms > 0 && pthread_cond_timedwait(&w->changed, &w->mutex, &end) == 0)
		;
	is_set = *flag;
	pthread_mutex_unlock(&w->mutex);
	return is_set;
}

bool
lock_waiter_has_it(struct lock_waiter *w, int timeout_ms)
{
	return wait_for_flag(w, &w->has_it, timeout_ms);
}

static void
on_waiter_signal(int signal_number)
{
	(void)signal_number; /* it only has to interrupt fcntl() */
}

void
lock_waiter_end(struct lock_waiter *w)
{
	struct sigaction act = {.sa_handler = on_waiter_signal}, old;

	if (w == NULL)
		return;
	raise_flag(w, &w->stop);
	/* without SA_RESTART, or fcntl() would go on waiting */
	sigemptyset(&act.sa_mask);
	sigaction(SIGALRM, &act, &old);
	/* again: a signal that comes just before fcntl() sleeps does not wake it */
	while (!wait_for_flag(w, &w->ended, 0)) {
		pthread_kill(w->thread, SIGALRM);
		(void)wait_for_flag(w, &w->ended, STOP_PERIOD_MS);
	}
	pthread_join(w->thread, NULL);
	sigaction(SIGALRM, &old, NULL);
	free_waiter(w);
}
