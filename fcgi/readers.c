#include "fcgi/readers.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "shared/base/log.h"

#define THREADS   4
#define QUEUE_MAX 256

struct reader_job {
	int fd; /* borrowed */
	void *arg;
	struct fcgi_request *request; /* the result; NULL: none */
	STAILQ_ENTRY(reader_job) next;
};

STAILQ_HEAD(reader_queue, reader_job);

struct readers {
	struct ev_loop *loop;
	size_t body_max;
	readers_on_read *on_read;
	pthread_t threads[THREADS];
	unsigned running;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct reader_queue todo, done; /* under the lock */
	unsigned waiting;               /* in todo, under the lock */
	bool stop;                      /* under the lock */
	struct ev_async finished;       /* wakes the loop: `done` is not empty */
};

static void
set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void *
reader_main(void *arg)
{
	struct readers *r = arg;
	struct reader_job *job;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		while ((job = STAILQ_FIRST(&r->todo)) == NULL && !r->stop)
			pthread_cond_wait(&r->work, &r->lock);
		if (job == NULL)
			break;
		STAILQ_REMOVE_HEAD(&r->todo, next);
		r->waiting--;
		/* without the lock: this takes as long as the peer does.  The flag belongs to the
		 * socket, which the loop does not watch meanwhile */
		pthread_mutex_unlock(&r->lock);
		set_blocking(job->fd, true);
		job->request = fcgi_request_read(job->fd, r->body_max);
		set_blocking(job->fd, false);
		pthread_mutex_lock(&r->lock);
		STAILQ_INSERT_TAIL(&r->done, job, next);
		/* the only call of libev that threads may make */
		ev_async_send(r->loop, &r->finished);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void
readers_on_finished(struct ev_loop *loop, struct ev_async *async, int events)
{
	struct readers *r = async->data;
	struct reader_queue done = STAILQ_HEAD_INITIALIZER(done);
	struct reader_job *job;

	(void)loop;
	(void)events;
	/* take all of them: the callbacks below must not hold up the threads */
	pthread_mutex_lock(&r->lock);
	STAILQ_CONCAT(&done, &r->done);
	pthread_mutex_unlock(&r->lock);
	while ((job = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, next);
		r->on_read(job->arg, job->request);
		free(job);
	}
}

struct readers *
readers_open(struct ev_loop *loop, size_t body_max, readers_on_read *on_read)
{
	struct readers *r = calloc(1, sizeof(*r));
	sigset_t all, before;

	if (r == NULL)
		return NULL;
	r->loop = loop;
	r->body_max = body_max;
	r->on_read = on_read;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	STAILQ_INIT(&r->todo);
	STAILQ_INIT(&r->done);
	ev_async_init(&r->finished, readers_on_finished);
	r->finished.data = r;
	ev_async_start(loop, &r->finished);
	/* threads inherit the mask: all signals go to the loop's thread, none interrupts a read */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; r->running < THREADS; r->running++)
		if (pthread_create(&r->threads[r->running], NULL, reader_main, r) != 0)
			break;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r->running == 0) {
		log_errx("cannot start a thread to read requests");
		readers_close(r);
		return NULL;
	}
	return r;
}

void
readers_close(struct readers *r)
{
	struct reader_job *job;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	/* each finishes its request and then the rest of the queue, which fails at once */
	while (r->running > 0)
		pthread_join(r->threads[--r->running], NULL);
	STAILQ_CONCAT(&r->done, &r->todo);
	while ((job = STAILQ_FIRST(&r->done)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->done, next);
		fcgi_request_free(job->request);
		free(job);
	}
	ev_async_stop(r->loop, &r->finished);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int
readers_add(struct readers *r, int fd, void *arg)
{
	struct reader_job *job = calloc(1, sizeof(*job));
	bool full;

	if (job == NULL)
		return -1;
	job->fd = fd;
	job->arg = arg;
	pthread_mutex_lock(&r->lock);
	/* a bound: each waits with its deadline running, which the last would miss anyway */
	full = r->waiting >= QUEUE_MAX;
	if (!full) {
		STAILQ_INSERT_TAIL(&r->todo, job, next);
		r->waiting++;
		pthread_cond_signal(&r->work);
	}
	pthread_mutex_unlock(&r->lock);
	if (full)
		free(job);
	return full ? -1 : 0;
}
