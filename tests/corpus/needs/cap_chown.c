// Gives a file of its own to another user (chown_ok).
#include "../corpus.h"

int main(void) {
    int fd = temp_file();
    must(fchown(fd, getuid() == 1 ? 2 : 1, -1), "fchown");
}
