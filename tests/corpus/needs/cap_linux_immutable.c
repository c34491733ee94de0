// Makes a file of its own append-only, and removes the flag again (fileattr_set_prepare).
#include "../corpus.h"
#include <linux/fs.h>
#include <sys/ioctl.h>

int main(void) {
    int flags, fd = temp_file();
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == -1) cannot_show("this file system keeps no attributes");
    flags |= FS_APPEND_FL;
    must(ioctl(fd, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS");
    flags &= ~FS_APPEND_FL;
    must(ioctl(fd, FS_IOC_SETFLAGS, &flags), "FS_IOC_SETFLAGS back");
}
