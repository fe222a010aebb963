/* quiet: a warning that could come for every event is written once a minute, with a count. */
#ifndef POLLUX_HOOK_QUIET_H
#define POLLUX_HOOK_QUIET_H

#include <stdint.h>

#define QUIET_MS   60000
#define QUIET_TEXT 512

/* One kind of warning.  Zeroed, but for `what`, before the first. */
struct quiet {
	const char *what;      /* is counted: "events dropped" */
	int64_t next;          /* no line before */
	unsigned n;            /* since the last line */
	char text[QUIET_TEXT]; /* of the newest */
};

/* Warn of `n` more: now, if there was no such line for a minute. */
void quiet_warn(struct quiet *q, int64_t now, unsigned n, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Write what waits if its time has come. */
void quiet_flush(struct quiet *q, int64_t now);

#endif
