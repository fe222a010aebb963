/* namespace: the namespaces of an application (io.of('/chat')), by name. */
#ifndef POLLUX_NAMESPACE_H
#define POLLUX_NAMESPACE_H

#include <uthash.h>

#include "shared/hub/hub.h"

struct application;

/* A namespace.  The C module embeds it in a struct of its own. */
struct ns {
	struct hub_ns hub; /* first: what the hub passes back */
	UT_hash_handle hh; /* in application->namespaces, by hub.name */
};

/* The namespace of this name; NULL: it does not exist.  Where every name is a namespace, it is made
 * on first use (NULL: an invalid name, or no memory). */
struct ns *namespace_find(struct application *app, struct slice name);

/* The same, made if missing as a plain struct ns.  NULL: an invalid name, or no memory. */
struct ns *namespace_open(struct application *app, struct slice name);

/* Add `ns`, which the caller owns until namespace_remove().  The name is copied.
 * 0, -EINVAL: not a valid name, or -ENOMEM. */
int namespace_add(struct application *app, struct ns *ns, struct slice name);
void namespace_remove(struct application *app, struct ns *ns);

/* Remove and free all.  They must be plain ones, made by namespace_open(). */
void namespace_close_all(struct application *app);

#endif
