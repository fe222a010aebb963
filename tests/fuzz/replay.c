/* replay: run the fuzz target that this is linked with on the files of a folder, with any compiler
 * and without libFuzzer.  Each file has a process of its own, so that a crash costs one test, and a
 * block of exactly its size, so that AddressSanitizer reports any read past its end.
 *
 *	build/tests/fuzz_packet tests/fuzz/corpus/packet [FILE...]
 *
 * The last line is `N passed, N failed`. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX ((size_t)1 << 20)
#define TIMEOUT_S 20 /* for one input: an endless loop is a failure too */

static unsigned passed, failed;

/* Read a whole file into a block of exactly its size.  NULL when it cannot be read; reported. */
static uint8_t *
read_input(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *bytes = NULL;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		goto fail;
	if (st.st_size < 0 || (size_t)st.st_size > INPUT_MAX) {
		errno = EFBIG;
		goto fail;
	}
	*n = (size_t)st.st_size;
	bytes = malloc(*n == 0 ? 1 : *n);
	if (bytes == NULL || read(fd, bytes, *n) != (ssize_t)*n)
		goto fail;
	close(fd);
	return bytes;
fail:
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	free(bytes);
	if (fd != -1)
		close(fd);
	return NULL;
}

/* In the child.  exit(), not _exit(): LeakSanitizer reports from an exit handler. */
static _Noreturn void
run(const char *path)
{
	size_t n;
	uint8_t *bytes = read_input(path, &n);

	if (bytes == NULL)
		exit(1);
	alarm(TIMEOUT_S);
	LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	exit(0);
}

static void
replay_file(const char *path)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run(path);
	while (pid > 0 && waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		passed++;
		return;
	}
	failed++;
	printf("FAIL %s: %s\n", path,
	    WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "ended with an error");
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
replay_folder(const char *path)
{
	struct dirent **entries;
	char file[PATH_MAX];
	int n = scandir(path, &entries, is_visible, alphasort);

	if (n == -1) {
		printf("FAIL %s: %s\n", path, strerror(errno));
		failed++;
		return;
	}
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		replay_file(file);
		free(entries[i]);
	}
	free(entries);
}

int
main(int argc, char **argv)
{
	struct stat st;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			replay_folder(argv[i]);
		else
			replay_file(argv[i]);
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed == 0 && passed > 0 ? 0 : 1;
}
