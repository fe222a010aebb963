/* The last lines of the log, for the status page. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/transport/internal.h"
#include "shared/transport/status.h"
#include "shared/wire/json.h"
#include "shared/wire/utf8.h"

#define TAIL_BYTES 8192
#define LINE_BYTES 400 /* of each line that are shown */
#define LINES_MAX  60

/* Why there are none. */
static void
write_reason(struct buf *out, const char *sentence, const char *more)
{
	buf_printf(out, "{\"reason\":\"%s", sentence);
	json_write_text(out, slice_of(more));
	buf_puts(out, "\"}");
}

/* A line may have been written by anybody: what is not UTF-8 is not shown. */
static void
write_line(struct buf *out, struct slice line)
{
	status_text_write(out, utf8_valid(line) ? line : SLICE("(not UTF-8)"), LINE_BYTES);
}

/* The lines of a piece of a file; the first one is not whole if the file begins before it. */
static void
write_lines(struct buf *out, struct slice piece, bool whole)
{
	struct slice line, lines[LINES_MAX];
	size_t n = 0, first;

	if (!whole)
		slice_cut(&piece, '\n', &line);
	while (slice_cut(&piece, '\n', &line))
		if (line.n > 0)
			lines[n++ % LINES_MAX] = line;
	first = n > LINES_MAX ? n - LINES_MAX : 0;
	buf_puts(out, "{\"lines\":[");
	for (size_t i = first; i < n; i++) {
		if (i > first)
			buf_add_char(out, ',');
		write_line(out, lines[i % LINES_MAX]);
	}
	buf_puts(out, "]}");
}

bool
status_log_write(struct server *sv, struct status_log_state *known, struct buf *out)
{
	const char *path = sv->cfg->log_file;
	struct status_log_state state = {.size = 0};
	char piece[TAIL_BYTES];
	struct stat sb;
	ssize_t n = -1;
	off_t at = 0;
	int fd = path[0] == '\0' ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool readable = fd != -1 && fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode);

	if (readable) {
		state = (struct status_log_state){
		    .size = sb.st_size,
		    .changed_ns = sb.st_mtim.tv_sec * INT64_C(1000000000) + sb.st_mtim.tv_nsec,
		    .inode = (uint64_t)sb.st_ino,
		};
		at = sb.st_size > TAIL_BYTES ? sb.st_size - TAIL_BYTES : 0;
		if (known == NULL || memcmp(known, &state, sizeof(state)) != 0)
			n = pread(fd, piece, sizeof(piece), at);
	}
	if (known != NULL && memcmp(known, &state, sizeof(state)) == 0) {
		if (fd != -1)
			close(fd);
		return false;
	}
	if (n >= 0)
		write_lines(out, (struct slice){piece, (size_t)n}, at == 0);
	else if (path[0] == '\0')
		write_reason(out,
		    "[log] file is not set: lines go to standard error, which is the "
		    "journal's, or the web server's error log",
		    "");
	else
		write_reason(out, "the log file cannot be read: ",
		    fd == -1 || readable ? strerror(errno) : "it is no regular file");
	if (fd != -1)
		close(fd);
	if (known != NULL)
		*known = state;
	return true;
}
