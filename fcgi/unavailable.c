#include "fcgi/unavailable.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/listen.h"

/* Long enough that mod_fcgid does not take it for a program that dies at once, and starts no more
 * of them; short for somebody who tries again. */
#define UNAVAILABLE_MS 5000

bool
unavailable_has_server(void)
{
	int listens = 0;
	socklen_t n = sizeof(listens);

	return listen_inherited() == 0 &&
	       getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 &&
	       listens != 0;
}

void
unavailable_serve(const char *why)
{
	struct pollfd socket = {.fd = STDIN_FILENO, .events = POLLIN};
	int64_t end = clock_ms() + UNAVAILABLE_MS, left;
	FCGX_Request rq;
	int result;

	/* another process may take the connection between poll() and accept() */
	(void)fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
	if (FCGX_InitRequest(&rq, STDIN_FILENO, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
		return;
	while ((left = end - clock_ms()) > 0 && poll(&socket, 1, (int)left) > 0) {
		result = FCGX_Accept_r(&rq);
		if (result == -EAGAIN)
			continue;
		if (result != 0)
			break;
		FCGX_FPrintF(rq.out,
		    "Status: 503 Service Unavailable\r\n"
		    "Content-Type: text/plain; charset=utf-8\r\n"
		    "Cache-Control: no-store\r\n"
		    "\r\n"
		    "Pollux cannot start: %s\n",
		    why);
		FCGX_Finish_r(&rq);
	}
}
