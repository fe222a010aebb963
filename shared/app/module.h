/* module: an application that is a shared object (<pollux/pollux.h>). */
#ifndef POLLUX_MODULE_H
#define POLLUX_MODULE_H

#include "shared/action/application.h"

/* Load the module at `path` and let it set itself up; an empty path gives an application without
 * handlers.  `node` is the name of this node, borrowed, and empty without a cluster.  NULL after
 * logging what is wrong with which file. */
struct application *module_open(const char *path, const char *node);

/* Load the module and check that it is one for this Pollux, but do not call it.  0, or -1 after
 * logging what is wrong. */
int module_check(const char *path);

#endif
