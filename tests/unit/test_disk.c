/* disk: file systems that several machines share are known by their numbers. */
#include "cli/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
file_systems_of_several_machines_are_named(void **state)
{
	(void)state;
	assert_string_equal(disk_shared_name(0x6969), "NFS");
	assert_string_equal(disk_shared_name(0xff534d42), "CIFS");
	/* a machine of 32 bits has a signed number in statfs(2) */
	assert_string_equal(disk_shared_name((uint64_t)(int32_t)0xfe534d42), "SMB 2");
	assert_string_equal(disk_shared_name(0x65735546), "FUSE (such as sshfs or GlusterFS)");
	assert_null(disk_shared_name(0xef53));     /* ext4 */
	assert_null(disk_shared_name(0x58465342)); /* XFS */
	assert_null(disk_shared_name(0x01021994)); /* tmpfs */
	assert_null(disk_shared_name(0x794c7630)); /* overlayfs, of containers */
}

static void
a_path_has_a_file_system(void **state)
{
	const char *name = "?";

	(void)state;
	assert_true(disk_of_path("/proc", &name));
	assert_null(name);
	assert_false(disk_of_path("/nonexistent/folder", &name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(file_systems_of_several_machines_are_named),
	    cmocka_unit_test(a_path_has_a_file_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
