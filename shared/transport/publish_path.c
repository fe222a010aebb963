#include "shared/transport/publish_path.h"

#include <string.h>

#include "shared/transport/internal.h"
#include "shared/transport/publish_request.h"
#include "shared/transport/status.h"

#define BASE  "/pollux/"
#define CALLS "v1/"

/* Set `root` to the path up to the end of BASE, and `path` to what follows it.  BASE is at the
 * site's root, or in the folder of [protocol] resource, the only one that the .htaccess of a
 * sub-folder sees.  Return false: it is not there. */
static bool
find_publish_path(
    const struct server *sv, struct slice target, struct slice *root, struct slice *path)
{
	const char *resource = sv->cfg->resource, *slash = strrchr(resource, '/');
	struct slice folder = {resource, slash == NULL ? 0 : (size_t)(slash - resource)};

	*path = route_origin_form(target);
	*root = *path;
	if (folder.n > 0 && path->n > folder.n + 1 && path->p[folder.n + 1] == '/' &&
	    slice_starts(slice_skip(*path, 1), folder))
		*path = slice_skip(*path, folder.n + 1);
	if (!slice_starts(*path, SLICE(BASE)))
		return false;
	*path = slice_skip(*path, sizeof(BASE) - 1);
	root->n = (size_t)(path->p - root->p);
	return slice_starts(*path, SLICE(CALLS)) || status_request_is_for(*path);
}

bool
publish_path_writes(const struct server *sv, const struct exchange *x)
{
	struct slice root, path;

	return sv->publish_keys != NULL && !slice_is(x->method, "GET") &&
	       find_publish_path(sv, x->target, &root, &path);
}

bool
publish_path_handle(struct server *sv, struct exchange *x)
{
	struct publish_request p = {.sv = sv, .x = x};
	struct slice root, path;

	if (sv->publish_keys == NULL || !find_publish_path(sv, x->target, &root, &path))
		return false;
	p.query = path;
	slice_cut(&p.query, '?', &path);
	transaction_let_go(sv->hub); /* until the key is checked and the body is read */
	if (slice_starts(path, SLICE(CALLS)))
		publish_request_call(&p, slice_skip(path, sizeof(CALLS) - 1));
	else
		status_request_handle(&p, root, path);
	return true;
}
