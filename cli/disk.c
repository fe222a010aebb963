#include "cli/disk.h"

#include <stddef.h>
#include <sys/vfs.h>

/* From linux/magic.h, and those that it lacks from their sources. */
static const struct {
	uint64_t type;
	const char *name;
} shared[] = {
    {0x6969, "NFS"},
    {0x517b, "SMB"},
    {0xff534d42, "CIFS"},
    {0xfe534d42, "SMB 2"},
    {0x5346414f, "AFS"},
    {0x6b414653, "AFS"},
    {0x73757245, "Coda"},
    {0x00c36400, "Ceph"},
    {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"},
    {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"},
    {0x19830326, "BeeGFS"},
    {0x65735546, "FUSE (such as sshfs or GlusterFS)"},
};

const char *
disk_shared_name(uint64_t type)
{
	/* a long of 32 bits has become negative on its way here */
	for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (shared[i].type == (type & 0xffffffff))
			return shared[i].name;
	return NULL;
}

bool
disk_of_path(const char *path, const char **shared_name)
{
	struct statfs of;

	if (statfs(path, &of) == -1)
		return false;
	*shared_name = disk_shared_name((uint64_t)of.f_type);
	return true;
}
