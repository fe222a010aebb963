#include "linkd/resolve.h"

#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fcntl.h>

#include "shared/base/thread.h"

/* Who comes second frees the job. */
enum resolve_state {
	RESOLVE_RUNNING,
	RESOLVE_FOUND,     /* by the thread: the loop reads the result */
	RESOLVE_CANCELLED, /* by the loop */
};

/* What thread and loop share. */
struct resolve_job {
	_Atomic int state;
	char host[ADDRESS_HOST_MAX + 1];
	struct resolve_list list;
	int error; /* of getaddrinfo() */
	int done;  /* the end of a pipe that the thread closes */
};

struct resolve {
	struct ev_loop *loop;
	struct ev_io io;
	struct resolve_job *job;
	resolve_done *done;
	void *arg;
};

bool
resolve_is_address(const char *host, struct resolve_list *list)
{
	struct in6_addr any;

	if (inet_pton(AF_INET, host, &any) != 1 && inet_pton(AF_INET6, host, &any) != 1)
		return false;
	snprintf(list->texts[0], ADDRESS_SIZE, "%s", host);
	list->n = 1;
	return true;
}

static void
resolve_look_up(struct resolve_job *job)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct addrinfo *all = NULL, *a;

	job->error = getaddrinfo(job->host, NULL, &hints, &all);
	if (job->error != 0)
		return;
	for (a = all; a != NULL && job->list.n < RESOLVE_MAX; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, job->list.texts[job->list.n],
			ADDRESS_SIZE, NULL, 0, NI_NUMERICHOST) == 0)
			job->list.n++;
	freeaddrinfo(all);
	if (job->list.n == 0)
		job->error = EAI_NONAME;
}

static void *
resolve_run(void *arg)
{
	struct resolve_job *job = arg;
	int done = job->done; /* the job may be gone when it is closed */

	resolve_look_up(job);
	if (atomic_exchange(&job->state, RESOLVE_FOUND) == RESOLVE_CANCELLED)
		free(job);
	close(done);
	return NULL;
}

static void
resolve_free(struct resolve *r)
{
	ev_io_stop(r->loop, &r->io);
	close(r->io.fd);
	free(r);
}

static void
resolve_on_done(struct ev_loop *loop, struct ev_io *io, int events)
{
	struct resolve *r = io->data;
	struct resolve_job *job = r->job;
	resolve_done *done = r->done;
	void *arg = r->arg;

	(void)loop;
	(void)events;
	resolve_free(r);
	done(arg, &job->list, job->error == 0 ? NULL : gai_strerror(job->error));
	free(job);
}

struct resolve *
resolve_start(struct ev_loop *loop, const char *host, resolve_done *done, void *arg)
{
	struct resolve *r = calloc(1, sizeof(*r));
	struct resolve_job *job = calloc(1, sizeof(*job));
	int ends[2] = {-1, -1};
	pthread_t thread;

	if (r == NULL || job == NULL || pipe2(ends, O_CLOEXEC) == -1)
		goto fail;
	snprintf(job->host, sizeof(job->host), "%s", host);
	job->done = ends[1];
	if (thread_start(&thread, resolve_run, job, 0) == -1)
		goto fail;
	pthread_detach(thread);
	*r = (struct resolve){.loop = loop, .job = job, .done = done, .arg = arg};
	ev_io_init(&r->io, resolve_on_done, ends[0], EV_READ);
	r->io.data = r;
	ev_io_start(loop, &r->io);
	return r;
fail:
	if (ends[0] != -1) {
		close(ends[0]);
		close(ends[1]);
	}
	free(job);
	free(r);
	return NULL;
}

void
resolve_cancel(struct resolve *r)
{
	if (r == NULL)
		return;
	if (atomic_exchange(&r->job->state, RESOLVE_CANCELLED) == RESOLVE_FOUND)
		free(r->job);
	resolve_free(r);
}
