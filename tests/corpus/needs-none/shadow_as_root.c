// Reads /etc/shadow as root, who is its owner: no right beyond the file's mode is asked for.
// run as: root
#include "../corpus.h"

int main(void) {
    char line[80];
    int fd = must(open("/etc/shadow", O_RDONLY), "/etc/shadow");
    must(read(fd, line, sizeof line), "read");
}
