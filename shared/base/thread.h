/* thread: a thread beside that of the loop. */
#ifndef POLLUX_THREAD_H
#define POLLUX_THREAD_H

#include <pthread.h>

/* Start `run` in a thread, to be joined by the caller.  Its stack is small, and it gets no signal
 * but `signal_number` (0: none): all others are for the loop's thread.  Return 0, or -1 when there
 * can be none. */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, int signal_number);

/* Set up a condition that is waited for by CLOCK_MONOTONIC. */
void thread_condition_init(pthread_cond_t *condition);

#endif
