/* act_line: the command line of the commands that act, and as JSON.  What is wrong with it is
 * complained about, and ends the program. */
#ifndef POLLUX_ACT_LINE_H
#define POLLUX_ACT_LINE_H

#include "cli/cli.h"
#include "shared/action/action.h"
#include "shared/base/buf.h"

/* What a command takes. */
struct act_usage {
	const char *words; /* what follows the options, as the help has it */
	const char *doc;
	int least, most; /* how many words; most -1: any number */
	bool no_target;  /* it acts on no target */
	bool sends;      /* it takes --volatile, --ack and the like */
	bool joins;      /* it takes --history */
};

/* What the line says. */
struct act {
	struct cli *cli;
	const struct act_usage *usage;
	const char *ns, *room, *session, *user;
	struct buf except; /* JSON strings of --except, with commas between them */
	bool all, is_volatile;
	const char *ack, *context, *timeout, *mailbox, *history;
	char **words; /* what follows the options */
	int words_n;
};

/* Read the command line into `a`, which has `cli` and `usage`; or exit with EX_USAGE. */
void act_line_read(struct act *a, int argc, char **argv);

/* Begin {"actions":[{"do":VERB,..}, with the target and what the options say. */
void act_line_begin(struct buf *out, struct act *a, const char *verb);

/* Append ,"name":"text"; nothing for NULL. */
void act_line_add(struct buf *out, const char *name, const char *text);
/* Append ,"name":json; nothing for NULL.  `json` is a word of the command line. */
void act_line_add_json(struct buf *out, const char *name, const char *json);
/* Append ,"name":N; nothing for NULL.  `what` is what to call it if it is not a number, which exits
 * with EX_USAGE. */
void act_line_add_number(struct buf *out, const char *name, const char *what, const char *text);
/* Append ,"args":[..] of the words but the first. */
void act_line_add_args(struct buf *out, const struct act *a);

#endif
