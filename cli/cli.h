/* cli: the command `pollux`: looks at the sessions of a running Pollux and acts on them, through
 * the store that its processes share.  It runs no application and holds no session
 * (hub_options.no_app).
 *
 * One function per command.  It gets its own arguments (argv[0] names it, "pollux emit") and
 * returns an exit status of sysexits.h. */
#ifndef POLLUX_CLI_H
#define POLLUX_CLI_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "shared/base/buf.h"
#include "shared/base/config.h"
#include "shared/base/slice.h"
#include "shared/hub/hub.h"
#include "shared/store/listing.h"

#define CLI_FILES      16        /* configuration files */
#define CLI_NUMBER_MAX 999999999 /* of a number on the command line: nine digits, an int */

struct cli {
	const char *paths[CLI_FILES + 1]; /* of -c; NULL after the last */
	unsigned paths_n;
	const char *data; /* of --data */
	bool json;
	bool configured; /* `cfg` was read */
	struct config cfg;
	struct application *application; /* NULL until cli_open() */
	struct hub *hub;
};

/* The options that every command takes; its parser gets a struct cli. */
extern const struct argp options_argp;

/* Read the command line of a command that takes no other options and no words; exits with EX_USAGE
 * when it is wrong. */
void options_read(struct cli *c, int argc, char **argv, const char *doc);

/* The number that an option was given; exits with EX_USAGE when it is none, or not from `least` to
 * `most`, which is CLI_NUMBER_MAX at most. */
unsigned options_number(
    struct argp_state *state, const char *option, const char *text, unsigned least, unsigned most);

/* Read the configuration, once.  Return 0, or EX_CONFIG after printing why. */
int cli_configure(struct cli *c);

/* The folder of the configuration file that was named last.  Return false: none was. */
bool cli_config_folder(const struct cli *c, char folder[CONFIG_PATH_MAX]);

/* Read the configuration and open the store.  Return 0, or an exit status after printing why. */
int cli_open(struct cli *c);
void cli_close(struct cli *c);

/* Whether there is a cluster, by the configuration or by the data folder; after cli_open(). */
bool cli_in_cluster(const struct cli *c);
/* Read the value of --node, a name or a number; NULL: all nodes.  Return 0, or an exit status after
 * printing why. */
int cli_node(struct cli *c, const char *text, struct listing_node *of);

/* Begin a turn of the hub, and end it.  cli_settle() returns 0, or -1: the turn was rolled back. */
void cli_begin(struct cli *c);
int cli_settle(struct cli *c);

/* Whether a newer version of Pollux wants the folder, after complaining: end the command. */
bool cli_must_leave(struct cli *c);

/* Whether a process that runs the application is alive. */
bool cli_is_served(struct cli *c);

/* Wait until `fd` (-1: none) is readable, for `ms` at most; false after SIGINT or SIGTERM. */
bool cli_wait(int fd, int ms);
/* Let those signals end cli_wait() instead of the program. */
void cli_catch_signals(void);

/* Print "pollux: ..." on standard error. */
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print text that came from outside: control characters become '?', since they could control the
 * terminal. */
void cli_print(FILE *out, struct slice text);
/* Print what `out` holds, and empty it.  Return 0, or EX_SOFTWARE: no memory. */
int cli_flush(struct buf *out);

/* Write the public id of a session to `text`.  Return `text`. */
const char *cli_id(char text[16], int64_t key);

/* --- commands ------------------------------------------------------------------------------- */

typedef int cli_command(struct cli *c, int argc, char **argv);

cli_command act_emit, act_send, act_json, act_ack, act_kick, act_join, act_leave, act_set, act_del,
    act_user, act_after, act_cancel, act_action;   /* act.c */
cli_command list_sessions, list_rooms, list_users; /* list.c */
cli_command events_run;                            /* events.c */
cli_command hook_test_run;                         /* hook_test.c */
cli_command key_run;                               /* key.c */
cli_command bench_run;                             /* bench.c */
cli_command drain_machine;                         /* drain.c */
cli_command stats_once, stats_top;                 /* stats.c */
cli_command tail_packets;                          /* tail.c */
cli_command check_config, check_db;                /* check.c */
cli_command doctor_run;                            /* doctor.c */

#endif
