// Does to a file of its own what an owner may: mode, times, group, user, names, attributes, O_NOATIME, lock.
#include "../corpus.h"
#include <sys/file.h>
#include <sys/xattr.h>

int main(void) {
    int fd = temp_file();
    must(chmod(temp_path, 0640), "chmod");
    must(fchown(fd, getuid(), getgid()), "fchown");
    must(futimens(fd, (struct timespec[]){{1, 0}, {1, 0}}), "futimens");
    must(open(temp_path, O_RDONLY | O_NOATIME), "O_NOATIME");
    must(flock(fd, LOCK_EX), "flock");
    if (fsetxattr(fd, "user.corpus", "x", 1, 0) == -1 && errno != ENOTSUP) die("setxattr");
    must(unlink(temp_path), "unlink");
    must(mkfifo(temp_path, 0600), "mkfifo");
}
