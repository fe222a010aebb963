#include "linkd/node_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/store/folder.h"

#define PATH_SIZE (CONFIG_PATH_MAX + 16)

int
node_file_random(char text[NODE_RANDOM])
{
	unsigned char bytes[(NODE_RANDOM - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		log_err("the random generator failed");
		return -1;
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static bool
node_file_is_random(struct slice s)
{
	return s.n == NODE_RANDOM - 1 && strspn(s.p, "0123456789abcdef") >= s.n;
}

/* Read "NUMBER TOKEN INCARNATION\n".  False: it is something else. */
static bool
node_file_parse(struct node_file *f, FILE *file)
{
	char line[128];
	struct slice rest, number, token;
	unsigned n;

	if (fgets(line, sizeof(line), file) == NULL)
		return false;
	line[strcspn(line, "\n")] = '\0';
	rest = slice_of(line);
	if (!slice_cut(&rest, ' ', &number) || !slice_cut(&rest, ' ', &token) ||
	    !node_file_is_random(token) || (rest.n > 0 && !node_file_is_random(rest)))
		return false;
	if (!slice_is(number, "-1") && !slice_number(number, 4, NODE_NUMBERS - 1, &n))
		return false;
	f->number = slice_is(number, "-1") ? -1 : (int)n;
	memcpy(f->token, token.p, token.n);
	f->token[token.n] = '\0';
	if (rest.n > 0)
		memcpy(f->incarnation, rest.p, rest.n + 1);
	return true;
}

int
node_file_read(const struct config *cfg, struct node_file *f)
{
	char path[PATH_SIZE];
	FILE *file;
	bool read;

	*f = (struct node_file){.number = -1};
	snprintf(path, sizeof(path), "%s/node", cfg->data);
	file = fopen(path, "re");
	if (file == NULL && errno != ENOENT) {
		log_err("cannot read %s", path);
		return -1;
	}
	if (file != NULL) {
		read = node_file_parse(f, file);
		fclose(file);
		if (read)
			return 0;
		log_warnx("%s is damaged: this node takes another number", path);
	}
	if (node_file_random(f->token) == -1)
		return -1;
	return node_file_write(cfg, f);
}

int
node_file_write(const struct config *cfg, const struct node_file *f)
{
	char path[PATH_SIZE], fresh[PATH_SIZE], line[128];
	int fd, n = snprintf(line, sizeof(line), "%d %s %s\n", f->number, f->token, f->incarnation);

	snprintf(path, sizeof(path), "%s/node", cfg->data);
	snprintf(fresh, sizeof(fresh), "%s/node.new", cfg->data);
	(void)unlink(fresh); /* of a process that died in between */
	fd = file_open(fresh, folder_file_mode(cfg->store_group));
	if (fd == -1 || write(fd, line, (size_t)n) != n || fsync(fd) == -1 ||
	    rename(fresh, path) == -1) {
		log_err("cannot write %s", path);
		if (fd != -1)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* FNV-1a: nobody gains by two places that look the same. */
static uint64_t
node_file_hash(uint64_t hash, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3;
	return hash;
}

void
node_file_place(const struct config *cfg, char place[NODE_WORD_MAX])
{
	uint64_t hash = 0xcbf29ce484222325;
	char boot[64] = "";
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	struct stat sb;

	if (file != NULL) {
		hash = node_file_hash(hash, boot, fread(boot, 1, sizeof(boot), file));
		fclose(file);
	}
	if (stat(cfg->data, &sb) == 0) {
		hash = node_file_hash(hash, &sb.st_dev, sizeof(sb.st_dev));
		hash = node_file_hash(hash, &sb.st_ino, sizeof(sb.st_ino));
	}
	snprintf(place, NODE_WORD_MAX, "%016" PRIx64, hash);
}
