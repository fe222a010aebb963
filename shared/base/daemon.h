/* daemon: what all programs that serve have in common: descriptors, options, configuration, log,
 * and what the log and the service manager are told at the start and at the end.
 *
 *	daemon_configure()   descriptors 0 to 2, the command line, the configuration
 *	daemon_open_log()    the log; SIGPIPE, SIGHUP, SIGUSR1 and SIGUSR2 no longer kill
 *	                     ... the program opens its sockets and what it serves ...
 *	daemon_started()     from here on it accepts
 *	daemon_stopping()    the first SIGTERM: it no longer accepts
 *	daemon_stopped()     everything is closed
 *
 * The event loop, and thereby the signals, are the program's own. */
#ifndef POLLUX_DAEMON_H
#define POLLUX_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "shared/base/config.h"

#define DAEMON_FILES 16

/* Exit code of a program that a newer version of Pollux has asked to leave.  Start it again: it is
 * the newer version then. */
#define DAEMON_OUTDATED 75 /* EX_TEMPFAIL */

struct daemon_options {
	const char *paths[DAEMON_FILES + 1]; /* -c, for config_load(); ends with NULL */
	const char *listen;                  /* -l: instead of the configuration; NULL: not given */
	bool test;                           /* -t: only check the configuration */
};

/* Open the standard descriptors that are closed, close inherited ones, read the command line
 * (answering --help and --version) and the configuration.  `name` ("pollux-wsd") and `doc`, one
 * sentence for --help, are static.  A wrong command line ends the program with 64.
 * Return 0, or EX_CONFIG after daemon_complain(). */
int daemon_configure(struct daemon_options *o, struct config *cfg, const char *name,
    const char *doc, int argc, char **argv);

/* The same for a program that listens on no address: it has no option -l. */
int daemon_configure_client(struct daemon_options *o, struct config *cfg, const char *name,
    const char *doc, int argc, char **argv);

/* Say on standard error why the program does not start: for errors before daemon_open_log(). */
void daemon_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Why a start failed, for somebody who does not see the log: the first mistake of the
 * configuration, else the first error that was logged; empty if there was none. */
const char *daemon_why(void);

/* With -t, instead of all that follows: what is logged between these two, and would be an error or
 * a warning of a start, is printed by daemon_complain().  The first looks at the log file, and says
 * if there was no configuration; the second returns 0, or EX_CONFIG if there was an error. */
void daemon_check_begin(void);
int daemon_check_end(void);

/* Open the log that `cfg` names, which must outlive it, and ignore SIGPIPE, SIGHUP, SIGUSR1 and
 * SIGUSR2: the latter would kill a program that has not started its loop.  From here on a fault
 * that ends the program leaves a line in the log, see crash.h. Return 0, or EX_CANTCREAT after
 * daemon_complain(). */
int daemon_open_log(const struct config *cfg);

/* Allow as many descriptors as the system does, within reason.  Return how many of them are left
 * for connections. */
size_t daemon_raise_descriptors(void);

/* What a program does with a configuration that it reads again at SIGHUP, between two turns of its
 * loop.  Both may be NULL. */
struct daemon_reload {
	/* Could it use this one?  It may look at files, and changes nothing.  Return 0, or -1 after
	 * logging why not. */
	int (*check)(void *arg, const struct config *cfg);
	/* Its own has changed, perhaps: derive again what it has copied or opened, and read again
	 * files that settings name. */
	void (*changed)(void *arg);
	void *arg;
};

/* Open the log again, and read the configuration again into the `cfg` of daemon_configure(), as far
 * as that is possible now (config_reload.h), and log what has changed and what waits for a restart.
 * If the new one is faulty nothing changes, and the log says what is wrong with it.  Of what the
 * program has changed in `cfg` itself, it makes live settings anew in changed(). */
void daemon_reload(const struct daemon_reload *reload);

/* The same where the files cannot be read any more: the log is opened again, and told why. */
void daemon_reopen(const char *why);

/* In a child that serves while its parent watches it and tells of start and end: from here on the
 * calls below log only if the level is debug, and tell the service manager nothing. */
void daemon_become_worker(void);

/* Connect to the service manager.  Before a chroot, which hides its socket; else not needed. */
void daemon_find_manager(void);

/* Tell the log and the service manager that the program serves, at `addresses` or at the sockets
 * of systemd.  NULL: it listens nowhere.  Empty: at a socket that the web server passed, which
 * starts and ends such processes as it needs them: then the service manager is told nothing, here
 * and below, and the log only if its level is debug. */
void daemon_started(const char *addresses);

/* The same at the end: it begins, with so many connections still open; everything is closed. */
void daemon_stopping(size_t connections);
void daemon_stopped(void);

/* A newer version of the program is being started to take over; it did not, or serves now, as
 * `pid`: then the service manager, if there is one, watches that from now on, and this process
 * ends without daemon_stopping(). */
void daemon_replacing(void);
void daemon_not_replaced(void);
void daemon_replaced(pid_t pid);

/* Whether there is a service manager. */
bool daemon_is_managed(void);

/* The exit code for a store that could not be opened for `reason`, an errno: EX_CONFIG if a newer
 * version of Pollux uses its folder, or that is read-only: starting again does not help. */
int daemon_store_code(int reason);

#endif
