/* node_file: what a data folder knows of itself from one start to the next: its number among the
 * nodes, the token that shows that it is the same one, and as which incarnation others know it. */
#ifndef POLLUX_LINKD_NODE_FILE_H
#define POLLUX_LINKD_NODE_FILE_H

#include "linkd/node_text.h"
#include "shared/base/config.h"

#define NODE_RANDOM 25 /* 24 hexadecimal digits and a NUL */

struct node_file {
	int number; /* -1: none yet */
	char token[NODE_WORD_MAX];
	char incarnation[NODE_WORD_MAX]; /* empty: none */
};

/* Read it, or make a token if there is no file, or none that can be read as one.  Return 0, or -1
 * after logging why. */
int node_file_read(const struct config *cfg, struct node_file *f);

/* Write it, with the rights of all files of the folder.  Return 0, or -1 after logging why. */
int node_file_write(const struct config *cfg, const struct node_file *f);

/* Fill `text` with random digits.  Return 0, or -1 after logging why. */
int node_file_random(char text[NODE_RANDOM]);

/* Write what no copy of the folder has: on which machine, since when, and where it is. */
void node_file_place(const struct config *cfg, char place[NODE_WORD_MAX]);

#endif
