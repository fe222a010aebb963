/* room_list: of which rooms how many messages are kept ([room] history):
 *
 *	chat.* 20, /game:lobby 50, * 10
 *
 * pairs of a pattern and a number.  A pattern is a name, or the beginning of one and '*'; a
 * namespace and ':' may be before it, else it is for rooms of every namespace.  The first pattern
 * that a room matches counts. */
#ifndef POLLUX_ROOM_LIST_H
#define POLLUX_ROOM_LIST_H

#include <stdbool.h>

#include "shared/base/slice.h"

#define ROOM_LIST_MOST 10000

/* Are the words, which are separated by single commas, such a list?  If not, `*wrong` is the one
 * that does not fit. */
bool room_list_is_valid(struct slice words, struct slice *wrong);

/* How many messages of the room are kept; 0: none. */
unsigned room_list_find(const char *list, struct slice ns, struct slice room);

#endif
