/* module: an application that is a shared object (<pollux/pollux.h>), or part of the program: then
 * (make bundle APP=) it is this one, and no file is loaded. */
#ifndef POLLUX_MODULE_H
#define POLLUX_MODULE_H

#include <stdbool.h>

#include "shared/action/application.h"

/* Load the module at `path` and let it set itself up; an empty path gives the application that is
 * linked in, or one without handlers.  `node` is the name of this node, borrowed, and empty without
 * a cluster.  NULL after logging what is wrong with which file. */
struct application *module_open(const char *path, const char *node);

/* Load the module and check that it is one for this Pollux, but do not call it.  0, or -1 after
 * logging what is wrong. */
int module_check(const char *path);

/* Whether an application is part of this program.  Such a program is linked statically, and can
 * load neither a module nor libcurl. */
bool module_is_linked(void);

#endif
