/* Preloaded: the kernel refuses to pass a descriptor a few times, as it does while too many of the
 * same user are under way. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t
sendmsg(int fd, const struct msghdr *message, int flags)
{
	static int refused;

	if (message->msg_controllen > 0 && refused < 20) {
		refused++;
		errno = ETOOMANYREFS;
		return -1;
	}
	return syscall(SYS_sendmsg, fd, message, flags);
}
