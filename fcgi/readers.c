#include "fcgi/readers.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/log.h"

#define THREADS   4
#define QUEUE_MAX 256

struct job {
	struct conn *conn;
	int fd;
	struct request *request; /* the result */
	STAILQ_ENTRY(job) next;
};

STAILQ_HEAD(job_queue, job);

struct readers {
	struct fcgi *fcgi;
	pthread_t threads[THREADS];
	unsigned running;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job_queue todo, done; /* under the lock */
	unsigned waiting;            /* in todo, under the lock */
	bool stop;                   /* under the lock */
	struct ev_async finished;
};

static void
set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

static void *
run(void *arg)
{
	struct readers *r = arg;
	struct job *job;

	pthread_mutex_lock(&r->lock);
	for (;;) {
		while ((job = STAILQ_FIRST(&r->todo)) == NULL && !r->stop)
			pthread_cond_wait(&r->work, &r->lock);
		if (job == NULL)
			break;
		STAILQ_REMOVE_HEAD(&r->todo, next);
		r->waiting--;
		pthread_mutex_unlock(&r->lock);
		set_blocking(job->fd, true);
		job->request = request_read(job->fd, r->fcgi->cfg->body_bytes);
		set_blocking(job->fd, false);
		pthread_mutex_lock(&r->lock);
		STAILQ_INSERT_TAIL(&r->done, job, next);
		ev_async_send(r->fcgi->loop, &r->finished);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void
on_finished(struct ev_loop *loop, struct ev_async *async, int events)
{
	struct readers *r = async->data;
	struct job_queue done = STAILQ_HEAD_INITIALIZER(done);
	struct job *job;

	(void)loop;
	(void)events;
	pthread_mutex_lock(&r->lock);
	STAILQ_CONCAT(&done, &r->done);
	pthread_mutex_unlock(&r->lock);
	while ((job = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, next);
		conn_was_read(job->conn, job->request);
		free(job);
	}
}

struct readers *
readers_open(struct fcgi *f)
{
	struct readers *r = calloc(1, sizeof(*r));
	sigset_t all, before;

	if (r == NULL)
		return NULL;
	r->fcgi = f;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	STAILQ_INIT(&r->todo);
	STAILQ_INIT(&r->done);
	ev_async_init(&r->finished, on_finished);
	r->finished.data = r;
	ev_async_start(f->loop, &r->finished);
	/* signals are the loop's: one that interrupts a lock must interrupt the loop's thread */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; r->running < THREADS; r->running++)
		if (pthread_create(&r->threads[r->running], NULL, run, r) != 0)
			break;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r->running == 0) {
		log_errx("no thread could be started");
		readers_close(r);
		return NULL;
	}
	return r;
}

void
readers_close(struct readers *r)
{
	struct job *job;

	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_cond_broadcast(&r->work);
	pthread_mutex_unlock(&r->lock);
	while (r->running > 0)
		pthread_join(r->threads[--r->running], NULL);
	STAILQ_CONCAT(&r->done, &r->todo);
	while ((job = STAILQ_FIRST(&r->done)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->done, next);
		request_free(job->request);
		free(job);
	}
	ev_async_stop(r->fcgi->loop, &r->finished);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int
readers_add(struct readers *r, struct conn *c)
{
	struct job *job = calloc(1, sizeof(*job));
	bool full;

	if (job == NULL)
		return -1;
	job->conn = c;
	job->fd = c->io.fd;
	pthread_mutex_lock(&r->lock);
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
