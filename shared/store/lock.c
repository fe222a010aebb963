#include "shared/store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/clock.h"

int
lock_open(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
}

static int
set(int fd, int command, short type, int byte)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, command, &l);
}

static void
on_alarm(int signal_number)
{
	(void)signal_number; /* its only work is to interrupt fcntl() */
}

/* Wait in the kernel, which hands the lock over in order.  The timer repeats, so a signal that
 * comes right before fcntl() sleeps costs one more period and not for ever. */
static int
take_waiting(int fd, int byte, int timeout_ms)
{
	struct sigaction act = {.sa_handler = on_alarm}, old;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
	struct itimerspec period = {
	    .it_interval = {.tv_nsec = 50000000}, .it_value = {.tv_nsec = 50000000}};
	int64_t end = clock_ms() + timeout_ms;
	timer_t timer;
	int result = -1;

	sigemptyset(&act.sa_mask);
	if (sigaction(SIGALRM, &act, &old) == -1)
		return -1;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == -1)
		goto restore;
	timer_settime(timer, 0, &period, NULL);
	do {
		result = set(fd, F_OFD_SETLKW, F_WRLCK, byte);
	} while (result == -1 && errno == EINTR && clock_ms() < end);
	if (result == -1 && errno == EINTR)
		errno = EAGAIN;
	timer_delete(timer);
restore:
	sigaction(SIGALRM, &old, NULL);
	return result;
}

int
lock_take(int fd, int byte, int timeout_ms)
{
	if (set(fd, F_OFD_SETLK, F_WRLCK, byte) == 0)
		return 0;
	if ((errno != EAGAIN && errno != EACCES) || timeout_ms == 0)
		return -1;
	return take_waiting(fd, byte, timeout_ms);
}

void
lock_give(int fd, int byte)
{
	set(fd, F_OFD_SETLK, F_UNLCK, byte);
}

bool
lock_is_held(int fd, int byte)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}
