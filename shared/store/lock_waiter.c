#include "shared/store/lock_waiter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "shared/base/thread.h"

#define STOP_PERIOD_MS 10

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

	if (w == NULL)
		return NULL;
	w->fd = fd;
	w->byte = byte;
	w->tell = tell;
	w->arg = arg;
	pthread_mutex_init(&w->mutex, NULL);
	thread_condition_init(&w->changed);
	/* the signal is the one that ends it */
	if (thread_start(&w->thread, waiter_main, w, SIGALRM) == 0)
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
