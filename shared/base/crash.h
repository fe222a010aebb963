/* crash: what a program says when a fault ends it: one line in the log with the signal, and the
 * handler of the application that was running. */
#ifndef POLLUX_CRASH_H
#define POLLUX_CRASH_H

/* Where the application's code is being run; NULL: it is not. */
struct crash_place {
	const char *ns, *event; /* borrowed until the place is left */
};

/* Write the line on SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT; then the signal takes its course,
 * with a core dump if the system makes one.  After log_open(); signals that somebody else has
 * claimed, such as a sanitizer, stay his. */
void crash_watch(void);

/* Note that a handler is about to run.  Return the place that was noted before, for
 * crash_leave(). */
struct crash_place crash_enter(const char *ns, const char *event);
void crash_leave(struct crash_place before);

#endif
