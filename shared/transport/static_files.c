/* Serves the files of the browser's client (PROTOCOL section 18) where the web server does not: if
 * it passes all of the resource to us, and on pollux-wsd's own port.
 *
 * A script may have a compressed copy beside it, socket.io.js.gz. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/transport/internal.h"
#include "shared/wire/clientfile.h"

#define FILE_BYTES_MAX ((off_t)4 << 20) /* the largest of 0.9 has 176 kB */
#define HOUR_S         3600
#define FOR_EVER_S     315360000 /* ten years, as in 0.9 */

#define TAG_SIZE 64

/* An open file, and what identifies its content. */
struct static_file {
	int fd;
	size_t size;
	bool gzip;
	char tag[TAG_SIZE]; /* with its quotes */
};

static int
open_static_file(struct static_file *o, const char *folder, const char *name, bool gzip)
{
	char path[PATH_MAX];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s%s", folder, name, gzip ? ".gz" : "");

	if (n < 0 || (size_t)n >= sizeof(path))
		return -1;
	o->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (o->fd == -1)
		return -1;
	if (fstat(o->fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX) {
		log_limited(LOG_LEVEL_WARN,
		    "client: %s is not served: not a regular file of at most 4 MiB", path);
		close(o->fd);
		return -1;
	}
	o->size = (size_t)st.st_size;
	o->gzip = gzip;
	snprintf(o->tag, sizeof(o->tag), "\"%jx-%jx%09lx%s\"", (uintmax_t)st.st_size,
	    (uintmax_t)st.st_mtim.tv_sec, (unsigned long)st.st_mtim.tv_nsec, gzip ? "-gz" : "");
	return 0;
}

static int
read_static_file(const struct static_file *o, struct buf *content)
{
	while (content->n < o->size) {
		char *room = buf_reserve(content, o->size - content->n);
		ssize_t n = room == NULL ? -1 : read(o->fd, room, o->size - content->n);

		if (n == -1 && room != NULL && errno == EINTR)
			continue;
		if (n <= 0) /* an error, or it was truncated meanwhile */
			return -1;
		content->n += (size_t)n;
	}
	return 0;
}

/* Expires is for caches of HTTP/1.0. */
static void
add_static_headers(struct buf *headers, const struct clientfile *file, const struct static_file *o)
{
	int age = file->for_ever ? FOR_EVER_S : HOUR_S;
	time_t expires = time(NULL) + age;
	struct tm utc;
	char text[64];

	gmtime_r(&expires, &utc);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &utc);
	buf_printf(
	    headers, "ETag: %s\r\nCache-Control: max-age=%d\r\nExpires: %s\r\n", o->tag, age, text);
	if (file->script)
		buf_puts(headers, "Vary: Accept-Encoding\r\n");
}

static void
send_static_file(struct server *sv, struct exchange *x, const struct clientfile *file,
    const struct static_file *o)
{
	struct response r = {.status = 200, .content_type = file->type};
	struct buf headers = {.p = NULL}, content = {.p = NULL};

	/* a 304 has them, too: caches keep the copy for as long again */
	add_static_headers(&headers, file, o);
	if (clientfile_has_tag(x->header(x, "if-none-match"), slice_of(o->tag))) {
		r.status = 304;
		r.content_type = NULL;
	} else {
		if (o->gzip)
			buf_puts(&headers, "Content-Encoding: gzip\r\n");
		/* whole or not at all: scripts are cached for years */
		if (read_static_file(o, &content) == -1)
			headers.failed = true;
	}
	r.headers = buf_slice(&headers);
	r.body = buf_slice(&content);
	if (headers.failed)
		answer_error(sv, x, 503, "server busy");
	else
		x->ops->respond(x, &r);
	buf_free(&content);
	buf_free(&headers);
}

void
static_files_answer(struct server *sv, struct exchange *x, const struct clientfile *file)
{
	const char *folder = sv->cfg->client_folder;
	struct static_file o;

	if (folder[0] == '\0') {
		/* the first request of every new installation: a page's console must say what is
		 * missing, not that the protocol has another version */
		answer_error(sv, x, 404,
		    "The browser's client is not served here: [client] folder names no folder.");
	} else if (!slice_is(x->method, "GET") && !slice_is(x->method, "HEAD")) {
		answer_error(sv, x, 405, "A file takes GET and HEAD only.");
	} else if ((file->script && clientfile_accepts_gzip(x->header(x, "accept-encoding")) &&
		       open_static_file(&o, folder, file->name, true) == 0) ||
		   open_static_file(&o, folder, file->name, false) == 0) {
		send_static_file(sv, x, file, &o);
		close(o.fd);
	} else {
		answer_error(sv, x, 404,
		    "The browser's client is not installed: [client] folder has no such file.");
	}
}

bool
static_files_serve(struct server *sv, struct exchange *x, const struct route *route)
{
	struct clientfile file;

	if (!clientfile_find(&file, route->path))
		return false;
	static_files_answer(sv, x, &file);
	return true;
}
