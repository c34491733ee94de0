// Reads /etc/shadow as root, who owns it: the file's mode is enough.
// run as: root
#include "../corpus.h"

int main(void) {
    char line[80];
    int fd = must(open("/etc/shadow", O_RDONLY), "/etc/shadow");
    must(read(fd, line, sizeof line), "read");
}
