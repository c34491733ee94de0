// Writes file capabilities on a file of its own (cap_convert_nscap).
#include "../corpus.h"
#include <linux/capability.h>
#include <sys/xattr.h>

int main(void) {
    struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2};
    int fd = temp_file();
    if (fsetxattr(fd, "security.capability", &data, sizeof data, 0) == -1) {
        if (errno == ENOTSUP) cannot_show("this file system keeps no capabilities");
        die("setxattr");
    }
}
