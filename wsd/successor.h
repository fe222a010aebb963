/* successor: the newer version of this program, which the first process starts at SIGUSR2 to take
 * over from it; predecessor.h is its other side.
 *
 *	USR2 --> start --> it reads its configuration, opens store and sockets
 *	                       |-- ends, or says nothing for 30 seconds: nothing has changed
 *	                       '-- SUCCESSOR_SERVES on the line: it accepts; give it all
 *
 * The new program gets, as open descriptors (shared/base/handed.h), the line, the listening sockets
 * and one end of some socket pairs, over which the websockets come (handover.h). */
#ifndef POLLUX_WSD_SUCCESSOR_H
#define POLLUX_WSD_SUCCESSOR_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/base/config.h"
#include "shared/base/listen.h"

#define SUCCESSOR_PATIENCE_MS 30000

/* It has closed the line before it served: it ends, or is a program that knows nothing of it. */
#define SUCCESSOR_SILENT_MS 1000

/* Who has to look when the line says something: sent to the parent with it.  Ignored by default. */
#define SUCCESSOR_SIGNAL SIGURG

/* What the newer program says on the line once it serves. */
#define SUCCESSOR_SERVES 'R'

/* How to start it. */
struct successor_command {
	char **argv;         /* as main() got it */
	char path[PATH_MAX]; /* of the program; without a slash it is looked for in PATH */
};

struct successor {
	pid_t pid;   /* 0: there is none */
	int line;    /* -1: none, or it was closed there */
	bool serves; /* it has said so */
	bool killed; /* it had no time left */
};

/* Before the working directory changes. */
void successor_remember(struct successor_command *command, char **argv);

/* Make `n` pairs of sockets: `ours` stay here, `theirs` go.  0, or -1 with errno. */
int successor_pairs(int *ours, int *theirs, size_t n);

/* Start the program, with the signal mask `mask`; `theirs` are closed, on failure too.  0, or -1
 * after logging why. */
int successor_start(struct successor *s, const struct successor_command *command,
    const struct config *cfg, const struct listen *sockets, const int *theirs, size_t n,
    const sigset_t *mask);

/* Look at the line.  Return true when it has just said that it serves.  False with `line` -1: it
 * will say nothing any more. */
bool successor_hear(struct successor *s);

/* It takes too long: kill it. */
void successor_kill(struct successor *s);

/* It has ended, with this status of waitpid(2): log that, and forget it. */
void successor_ended(struct successor *s, int status);

/* Close the line. */
void successor_let_go(struct successor *s);

#endif
