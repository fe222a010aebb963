#include "fcgi/readers.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

#include "shared/base/thread.h"

#define QUEUE_MAX 256
#define IDLE_S    3 /* after which a thread without work ends */

struct reader_job {
	int fd; /* borrowed */
	void *arg;
	struct fcgi_request *request; /* the result; NULL: none */
	STAILQ_ENTRY(reader_job) next;
};

STAILQ_HEAD(reader_queue, reader_job);

struct reader {
	struct readers *all;
	pthread_t thread;
	bool used;  /* there is a thread to be joined; of the loop */
	bool ended; /* under the lock */
};

struct readers {
	struct ev_loop *loop;
	size_t body_max; /* under the lock */
	readers_on_read *on_read;
	struct reader *each;
	unsigned max; /* in `each` */
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct reader_queue todo, done; /* under the lock */
	unsigned waiting;               /* in todo, under the lock */
	unsigned running;               /* threads, under the lock */
	unsigned idle;                  /* of them, those that look for work, or will at once */
	bool stop;                      /* under the lock */
	struct ev_async finished;       /* wakes the loop: `done` is not empty */
};

/* --- the threads ---------------------------------------------------------------------------- */

static void
set_blocking(int fd, bool blocking)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

/* Wait for work, under the lock.  NULL: there is none, and the thread ends. */
static struct reader_job *
take_job(struct readers *r)
{
	struct timespec end;
	struct reader_job *job;
	int result = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += IDLE_S;
	while ((job = STAILQ_FIRST(&r->todo)) == NULL && !r->stop && result == 0)
		result = pthread_cond_timedwait(&r->work, &r->lock, &end);
	r->idle--;
	if (job != NULL) {
		STAILQ_REMOVE_HEAD(&r->todo, next);
		r->waiting--;
	}
	return job;
}

static void *
reader_main(void *arg)
{
	struct reader *self = arg;
	struct readers *r = self->all;
	struct reader_job *job;
	size_t body_max;

	pthread_mutex_lock(&r->lock);
	while ((job = take_job(r)) != NULL) {
		body_max = r->body_max;
		/* without the lock: this takes as long as the peer does.  The flag belongs to the
		 * socket, which the loop does not watch meanwhile */
		pthread_mutex_unlock(&r->lock);
		set_blocking(job->fd, true);
		job->request = fcgi_request_read(job->fd, body_max);
		set_blocking(job->fd, false);
		pthread_mutex_lock(&r->lock);
		STAILQ_INSERT_TAIL(&r->done, job, next);
		r->idle++;
		/* the only call of libev that threads may make */
		ev_async_send(r->loop, &r->finished);
	}
	self->ended = true;
	r->running--;
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* Under the lock; a thread that has ended does not take it any more. */
static void
join_ended(struct readers *r)
{
	for (unsigned i = 0; i < r->max; i++) {
		if (!r->each[i].used || !r->each[i].ended)
			continue;
		pthread_join(r->each[i].thread, NULL);
		r->each[i].used = r->each[i].ended = false;
	}
}

/* Start one more thread if all are busy and there may be more, under the lock.  Return -1 if there
 * is none at all. */
static int
start_thread(struct readers *r)
{
	if (r->waiting <= r->idle || r->running == r->max)
		return 0;
	join_ended(r);
	for (unsigned i = 0; i < r->max; i++) {
		if (r->each[i].used)
			continue;
		if (thread_start(&r->each[i].thread, reader_main, &r->each[i], 0) == 0) {
			r->each[i].used = true;
			r->running++;
			r->idle++; /* it will take the job that waits */
		}
		break;
	}
	return r->running == 0 ? -1 : 0;
}

/* --- the loop ------------------------------------------------------------------------------- */

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
readers_open(struct ev_loop *loop, unsigned max, size_t body_max, readers_on_read *on_read)
{
	struct readers *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->each = calloc(max, sizeof(*r->each));
	if (r->each == NULL) {
		free(r);
		return NULL;
	}
	r->loop = loop;
	r->max = max;
	r->body_max = body_max;
	r->on_read = on_read;
	for (unsigned i = 0; i < max; i++)
		r->each[i].all = r;
	pthread_mutex_init(&r->lock, NULL);
	thread_condition_init(&r->work);
	STAILQ_INIT(&r->todo);
	STAILQ_INIT(&r->done);
	ev_async_init(&r->finished, readers_on_finished);
	r->finished.data = r;
	ev_async_start(loop, &r->finished);
	return r;
}

void
readers_set_body_max(struct readers *r, size_t body_max)
{
	pthread_mutex_lock(&r->lock);
	r->body_max = body_max;
	pthread_mutex_unlock(&r->lock);
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
	for (unsigned i = 0; i < r->max; i++)
		if (r->each[i].used)
			pthread_join(r->each[i].thread, NULL);
	STAILQ_CONCAT(&r->done, &r->todo);
	while ((job = STAILQ_FIRST(&r->done)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->done, next);
		fcgi_request_free(job->request);
		free(job);
	}
	ev_async_stop(r->loop, &r->finished);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r->each);
	free(r);
}

int
readers_add(struct readers *r, int fd, void *arg)
{
	struct reader_job *job = calloc(1, sizeof(*job));
	int result = -1;

	if (job == NULL)
		return -1;
	job->fd = fd;
	job->arg = arg;
	pthread_mutex_lock(&r->lock);
	/* a bound: each waits with its deadline running, which the last would miss anyway */
	if (r->waiting < QUEUE_MAX) {
		STAILQ_INSERT_TAIL(&r->todo, job, next);
		r->waiting++;
		result = start_thread(r);
		if (result == -1) { /* then there is no thread that could have taken it */
			STAILQ_REMOVE(&r->todo, job, reader_job, next);
			r->waiting--;
		}
	}
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	if (result == -1)
		free(job);
	return result;
}

bool
readers_are_short(struct readers *r)
{
	bool is_short;

	pthread_mutex_lock(&r->lock);
	is_short = r->waiting > r->idle;
	pthread_mutex_unlock(&r->lock);
	return is_short;
}
