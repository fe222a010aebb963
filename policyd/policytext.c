#include "policyd/policytext.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "shared/wire/flashpolicy.h"

static int
read_policy_file(struct buf *policy, const char *path, char *error, size_t error_size)
{
	FILE *file = fopen(path, "re");
	char *to = buf_reserve(policy, FLASHPOLICY_FILE_MAX + 1);
	const char *wrong = NULL;
	int code = 0;

	if (file == NULL || to == NULL) {
		snprintf(error, error_size, "[policyd] file: %s: %s", path, strerror(errno));
		code = EX_NOINPUT;
		goto end;
	}
	/* one byte too many shows that the file is too large */
	policy->n += fread(to, 1, FLASHPOLICY_FILE_MAX + 1, file);
	if (ferror(file)) {
		snprintf(error, error_size, "[policyd] file: %s: %s", path, strerror(errno));
		code = EX_NOINPUT;
	} else if (policy->n > FLASHPOLICY_FILE_MAX) {
		snprintf(error, error_size, "[policyd] file: %s: larger than %zu bytes", path,
		    FLASHPOLICY_FILE_MAX);
		code = EX_DATAERR;
	} else if ((wrong = flashpolicy_check(buf_slice(policy))) != NULL) {
		snprintf(error, error_size, "[policyd] file: %s is not a policy: %s", path, wrong);
		code = EX_DATAERR;
	}
end:
	if (file != NULL)
		fclose(file);
	return code;
}

int
policytext_read(struct buf *policy, const struct config *cfg, char *error, size_t error_size)
{
	if (cfg->policyd_file[0] != '\0')
		return read_policy_file(policy, cfg->policyd_file, error, error_size);
	flashpolicy_write(policy, slice_of(cfg->origins));
	if (policy->failed) {
		snprintf(error, error_size, "no memory for the policy");
		return EX_OSERR;
	}
	return 0;
}
