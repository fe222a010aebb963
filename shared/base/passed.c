#include "shared/base/passed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for the descriptors of one message. */
union passed_control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int))];
};

ssize_t
passed_send(int socket, const void *bytes, size_t size, const int *fds, size_t n)
{
	union passed_control control;
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > PASSED_MAX) {
		errno = E2BIG;
		return -1;
	}
	if (n > 0) {
		memset(&control, 0, CMSG_SPACE(n * sizeof(int)));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Keep the descriptors of a message.  False: there are more than `most`. */
static bool
keep_passed(struct msghdr *message, int *fds, size_t most, size_t *n)
{
	bool fits = (message->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head != NULL;
	     head = CMSG_NXTHDR(message, head)) {
		size_t here = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < here; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(head) + i * sizeof(fd), sizeof(fd));
			if (*n < most) {
				fds[(*n)++] = fd;
			} else {
				close(fd);
				fits = false;
			}
		}
	}
	return fits;
}

ssize_t
passed_receive(int socket, void *bytes, size_t size, int *fds, size_t most, size_t *n)
{
	union passed_control control;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*n = 0;
	if (got <= 0 || keep_passed(&message, fds, most, n))
		return got;
	while (*n > 0)
		close(fds[--*n]);
	errno = EPROTO;
	return -1;
}
