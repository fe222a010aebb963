/* replace: how the only process of pollux-wsd is replaced by a newer version: it starts that,
 * and once that serves gives it the websockets.  With workers, the first process does this
 * (workers.h). */
#ifndef POLLUX_WSD_REPLACE_H
#define POLLUX_WSD_REPLACE_H

#include "wsd/handover.h"
#include "wsd/successor.h"
#include "wsd/wsd.h"

struct replace {
	struct wsd *w;
	const struct successor_command *command;
	struct successor successor;
	int ends[HANDOVER_ENDS]; /* while it starts */
	size_t ends_n;
	struct ev_io line;
	struct ev_child child;
	struct ev_timer patience;
};

void replace_init(struct replace *r, struct wsd *w, const struct successor_command *command);

/* SIGUSR2. */
void replace_begin(struct replace *r);

/* Told to stop: the newer one is, too, unless the service manager sees to that. */
void replace_pass_on(const struct replace *r, int number);

/* The loop runs no more.  Return the process that has taken over, with its line, which is the
 * caller's now; `pid` 0: there is none. */
struct successor replace_finish(struct replace *r);

#endif
