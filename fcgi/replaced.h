/* replaced: notices that files of the program were replaced, the only thing that an account with
 * FTP can do: mod_fcgid keeps processes for as long as it likes, and nobody there can end them. */
#ifndef POLLUX_FCGI_REPLACED_H
#define POLLUX_FCGI_REPLACED_H

#include <ev.h>

#include "shared/base/config.h"

/* The program itself, the configuration beside it, and the module. */
#define REPLACED_FILES 3

struct replaced {
	struct ev_loop *loop;
	struct ev_stat files[REPLACED_FILES];
	size_t n;
	char program[CONFIG_PATH_MAX];
	void (*call)(void *arg);
	void *arg;
};

/* Call `call` whenever one of them is another file, or has other content.  One that is gone is no
 * reason: the next is on its way.  `cfg` must outlive it. */
void replaced_start(struct replaced *r, struct ev_loop *loop, const struct config *cfg,
    void (*call)(void *arg), void *arg);

/* Also if it was never started. */
void replaced_stop(struct replaced *r);

#endif
