// Makes a second /dev/null (vfs_mknod).
#include "../corpus.h"
#include <sys/sysmacros.h>

int main(void) {
    close(temp_file());
    must(unlink(temp_path), "unlink");
    must(mknod(temp_path, S_IFCHR | 0600, makedev(1, 3)), "mknod");
}
