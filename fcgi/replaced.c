#include "fcgi/replaced.h"

#include <unistd.h>

#include "shared/base/log.h"

static void
replaced_on_change(struct ev_loop *loop, struct ev_stat *file, int events)
{
	struct replaced *r = file->data;

	(void)loop;
	(void)events;
	if (file->attr.st_nlink == 0)
		return;
	log_info(
	    "%s was replaced: this process ends, and the web server starts the next", file->path);
	r->call(r->arg);
}

static void
replaced_watch(struct replaced *r, const char *path)
{
	struct ev_stat *file = &r->files[r->n];

	if (path[0] == '\0')
		return;
	r->n++;
	/* 0.: inotify tells, or on a disk that has none a look now and then */
	ev_stat_init(file, replaced_on_change, path, 0.);
	file->data = r;
	ev_stat_start(r->loop, file);
}

void
replaced_start(struct replaced *r, struct ev_loop *loop, const struct config *cfg,
    void (*call)(void *arg), void *arg)
{
	ssize_t n = readlink("/proc/self/exe", r->program, sizeof(r->program) - 1);

	r->loop = loop;
	r->call = call;
	r->arg = arg;
	r->program[n > 0 ? n : 0] = '\0';
	replaced_watch(r, r->program);
	replaced_watch(r, cfg->beside);
	/* elsewhere it belongs to who can restart what uses it */
	if (cfg->beside[0] != '\0')
		replaced_watch(r, cfg->module);
}

void
replaced_stop(struct replaced *r)
{
	while (r->n > 0)
		ev_stat_stop(r->loop, &r->files[--r->n]);
}
