/* folder: what a test leaves behind. */
#ifndef POLLUX_TESTS_FOLDER_H
#define POLLUX_TESTS_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Delete a folder that mkdtemp() has named, and all that is in it. */
static inline void
delete_folder(const char *folder)
{
	char command[128];

	assert_int_equal(access(folder, F_OK), 0);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

#endif
