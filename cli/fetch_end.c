#include "cli/fetch_end.h"

#include <openssl/bio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/base/clock.h"

void
fetch_end_close(struct fetch *f)
{
	if (f->bio != NULL)
		BIO_free_all(f->bio); /* closes the socket */
	else if (f->fd != -1)
		close(f->fd);
	f->bio = NULL;
	f->fd = -1;
}

void
fetch_end(struct fetch *f, enum fetch_state state, const char *format, ...)
{
	va_list args;

	f->state = state;
	f->ended_ms = clock_ms();
	va_start(args, format);
	vsnprintf(f->why, sizeof(f->why), format, args);
	va_end(args);
	fetch_end_close(f);
}

void
fetch_end_cut(struct fetch *f, int error)
{
	switch (f->state) {
	case FETCH_SECURING:
		fetch_end(f, FETCH_INSECURE, "no TLS is spoken there: the connection was closed");
		break;
	case FETCH_UPGRADED:
		fetch_end(f, FETCH_CUT, "the connection was closed");
		break;
	default:
		fetch_end(f, FETCH_CUT, "the connection was closed %s (%s)",
		    f->answered_ms == 0 ? "without an answer" : "before the end of the answer",
		    error == 0 ? "in order" : strerror(error));
	}
}

void
fetch_end_late(struct fetch *f)
{
	long s = (long)((clock_ms() - f->started_ms + 500) / 1000);

	fetch_end(f, FETCH_LATE, "no %s within %ld s",
	    f->state == FETCH_CONNECTING ? "connection"
	    : f->answered_ms == 0        ? "answer"
					 : "end of the answer",
	    s);
}
