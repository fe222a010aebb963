#include "shared/action/namespace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shared/action/application.h"
#include "shared/action/name.h"
#include "shared/store/message_log.h"

static struct ns *
look_up_ns(const struct application *app, struct slice name)
{
	struct ns *ns;

	HASH_FIND(hh, app->namespaces, name.n == 0 ? "" : name.p, name.n, ns);
	return ns;
}

struct ns *
namespace_find(struct application *app, struct slice name)
{
	struct ns *ns = look_up_ns(app, name);

	return ns == NULL && app->any_namespace ? namespace_open(app, name) : ns;
}

struct ns *
namespace_open(struct application *app, struct slice name)
{
	struct ns *ns = look_up_ns(app, name);

	if (ns != NULL)
		return ns;
	ns = calloc(1, sizeof(*ns));
	if (ns != NULL && namespace_add(app, ns, name) != 0) {
		free(ns);
		return NULL;
	}
	return ns;
}

int
namespace_add(struct application *app, struct ns *ns, struct slice name)
{
	char *copy;

	if (!name_is_namespace(name))
		return -EINVAL;
	copy = strndup(name.n == 0 ? "" : name.p, name.n);
	if (copy == NULL)
		return -ENOMEM;
	ns->hub.name = (struct slice){copy, name.n};
	ns->hub.chan = message_log_channel(ns->hub.name, (struct slice){NULL, 0});
	HASH_ADD_KEYPTR(hh, app->namespaces, ns->hub.name.p, name.n, ns);
	return 0;
}

void
namespace_remove(struct application *app, struct ns *ns)
{
	HASH_DEL(app->namespaces, ns);
	free((void *)(uintptr_t)ns->hub.name.p);
}

void
namespace_close_all(struct application *app)
{
	struct ns *ns, *next;

	HASH_ITER (hh, app->namespaces, ns, next) {
		namespace_remove(app, ns);
		free(ns);
	}
}
