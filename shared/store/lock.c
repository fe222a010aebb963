#include "shared/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "shared/base/clock.h"
#include "shared/base/file.h"

int
lock_open(const char *path, mode_t mode)
{
	return file_open(path, mode);
}

static int
lock_fcntl(int fd, int command, short type, int byte)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, command, &l);
}

static void
on_alarm(int signal_number)
{
	(void)signal_number; /* it only has to interrupt fcntl() */
}

/* Wait in the kernel, which serves waiters in order; a loop that tries and sleeps would starve
 * some.  fcntl() has no timeout, so SIGALRM interrupts it. */
static int
wait_for_lock(int fd, int byte, int timeout_ms)
{
	struct sigaction act = {.sa_handler = on_alarm}, old;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	/* repeats: a signal that arrives just before fcntl() sleeps costs one period, not a hang */
	long period_ns = timeout_ms < 50 ? timeout_ms * 1000000L : 50000000;
	struct itimerspec period = {
	    .it_interval = {.tv_nsec = period_ns}, .it_value = {.tv_nsec = period_ns}};
	int64_t end = clock_ms() + timeout_ms;
	timer_t timer;
	int result = -1;

	/* without SA_RESTART, or fcntl() would go on waiting */
	sigemptyset(&act.sa_mask);
	if (sigaction(SIGALRM, &act, &old) == -1)
		return -1;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1)
		goto restore;
	timer_settime(timer, 0, &period, NULL);
	do {
		result = lock_fcntl(fd, F_OFD_SETLKW, F_WRLCK, byte);
	} while (result == -1 && errno == EINTR && clock_ms() < end);
	if (result == -1 && errno == EINTR)
		errno = EAGAIN;
	/* the timer before the handler: SIGALRM kills by default */
	timer_delete(timer);
restore:
	sigaction(SIGALRM, &old, NULL);
	return result;
}

int
lock_take(int fd, int byte, int timeout_ms)
{
	/* nearly always free: no timer, no signal handler then */
	if (lock_fcntl(fd, F_OFD_SETLK, F_WRLCK, byte) == 0)
		return 0;
	if ((errno != EAGAIN && errno != EACCES) || timeout_ms == 0)
		return -1;
	return wait_for_lock(fd, byte, timeout_ms);
}

void
lock_give(int fd, int byte)
{
	lock_fcntl(fd, F_OFD_SETLK, F_UNLCK, byte);
}

bool
lock_is_held(int fd, int byte)
{
	return lock_any_is_held(fd, byte, 1);
}

bool
lock_any_is_held(int fd, int byte, int n)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = n};

	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}
