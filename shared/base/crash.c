#include "shared/base/crash.h"

#include <signal.h>
#include <stddef.h>

#include "shared/base/log.h"

/* A handler that calls itself for ever has used up the stack.  More than the line needs. */
#define STACK_BYTES 32768

static struct {
	struct crash_place place; /* of the thread of the loop */
	char stack[STACK_BYTES];
} crash_ctx;

static const struct {
	int number;
	const char *name;
} crash_signals[] = {
    {SIGSEGV, "SIGSEGV"},
    {SIGBUS, "SIGBUS"},
    {SIGFPE, "SIGFPE"},
    {SIGILL, "SIGILL"},
    {SIGABRT, "SIGABRT"},
};
#define SIGNALS (sizeof(crash_signals) / sizeof(crash_signals[0]))

/* Only what signal-safety(7) allows: memory may be in any state. */
static void
crash_on_signal(int number)
{
	const struct crash_place place = crash_ctx.place;
	const char *name = "a signal";

	for (size_t i = 0; i < SIGNALS; i++)
		if (crash_signals[i].number == number)
			name = crash_signals[i].name;
	if (place.event == NULL)
		log_from_signal((const char *const[]){"ended by ", name, NULL});
	else
		log_from_signal(
		    (const char *const[]){"ended by ", name, " in the application: event \"",
			place.event, "\" of namespace \"", place.ns, "\"", NULL});
	/* SA_RESETHAND has restored the default; it is held back until we return, so that a core
	 * dump shows where it happened */
	raise(number);
}

void
crash_watch(void)
{
	struct sigaction action = {.sa_flags = (int)(SA_ONSTACK | SA_RESETHAND)}, present;
	stack_t stack = {.ss_sp = crash_ctx.stack, .ss_size = sizeof(crash_ctx.stack)};

	/* without it there is no line for an overflow of the stack, and that is all */
	(void)sigaltstack(&stack, NULL);
	action.sa_handler = crash_on_signal;
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++)
		if (sigaction(crash_signals[i].number, NULL, &present) == 0 &&
		    (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL)
			sigaction(crash_signals[i].number, &action, NULL);
}

struct crash_place
crash_enter(const char *ns, const char *event)
{
	struct crash_place before = crash_ctx.place;

	crash_ctx.place = (struct crash_place){ns, event};
	return before;
}

void
crash_leave(struct crash_place before)
{
	crash_ctx.place = before;
}
