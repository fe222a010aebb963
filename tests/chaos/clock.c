/* clock: sets the clock of the programs that it is preloaded into, not that of the machine.  The
 * file CHAOS_CLOCK holds by how many seconds, an int64_t; it may change at any time.  Each node of a
 * cluster has a file of its own, CHAOS_CLOCK.RUN_NODE.
 *
 * Only the time of day: CLOCK_MONOTONIC does not jump, whoever sets the clock.  Not libfaketime,
 * which leaves files in /dev/shm when a program is killed. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t nothing;
static const volatile int64_t *offset = &nothing;

__attribute__((constructor)) static void
clock_map(void)
{
	const char *path = getenv("CHAOS_CLOCK"), *node = getenv("RUN_NODE");
	char file[256];
	void *mapped;
	int fd;

	if (path == NULL)
		return;
	snprintf(
	    file, sizeof(file), "%s%s%s", path, node == NULL ? "" : ".", node == NULL ? "" : node);
	if ((fd = open(file, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	mapped = mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped != MAP_FAILED)
		offset = mapped;
}

int
clock_gettime(clockid_t id, struct timespec *t)
{
	int result = (int)syscall(SYS_clock_gettime, id, t);

	if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += *offset;
	return result;
}

int
gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (t != NULL)
		*t = now.tv_sec;
	return now.tv_sec;
}
