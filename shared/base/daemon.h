/* daemon: what programs that run by themselves have in common: options, descriptors, and what they
 * tell the service manager. */
#ifndef POLLUX_DAEMON_H
#define POLLUX_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#define DAEMON_FILES 16

struct daemon_options {
	const char *paths[DAEMON_FILES + 1]; /* -c, for config_load(); NULL behind the last */
	const char *listen;                  /* -l: over the configuration; NULL: not given */
	bool test;                           /* -t: only check the configuration */
};

/* Read the command line, and answer --help and --version.  A mistake ends the program with 64.
 * `program` is the name with its version ("pollux-wsd 0.1"), `doc` one sentence; both static. */
void daemon_options(
    struct daemon_options *o, const char *program, const char *doc, int argc, char **argv);

/* See that the descriptors 0 to 2 are open: what is opened later must not be taken for them. */
void daemon_standard_descriptors(void);

/* Allow as many descriptors as the system does, within reason.  Return how many of them are left
 * when the program has taken its own. */
size_t daemon_raise_descriptors(void);

/* Before a chroot: go to the service manager, whom daemon_notify() would not find any more. */
void daemon_find_manager(void);

/* Tell the service manager, if there is one: "READY=1" and the like, see sd_notify(3). */
void daemon_notify(const char *state);

#endif
