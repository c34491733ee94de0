// Takes a lease on a file of another user (generic_setlease or vfs_setlease).
#include "../corpus.h"

int main(void) {
    int fd = must(open("/etc/passwd", O_RDONLY), "/etc/passwd");
    must(fcntl(fd, F_SETLEASE, F_RDLCK), "F_SETLEASE");
    must(fcntl(fd, F_SETLEASE, F_UNLCK), "F_SETLEASE back");
}
