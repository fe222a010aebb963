#include "shared/hook/quiet.h"

#include <stdarg.h>
#include <stdio.h>

#include "shared/base/log.h"

void
quiet_flush(struct quiet *q, int64_t now)
{
	if (q->n == 0 || now < q->next)
		return;
	log_warnx("%s; %s: %u", q->text, q->what, q->n);
	q->n = 0;
	q->next = now + QUIET_MS;
}

void
quiet_warn(struct quiet *q, int64_t now, unsigned n, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(q->text, sizeof(q->text), format, args);
	va_end(args);
	q->n += n;
	quiet_flush(q, now);
}
