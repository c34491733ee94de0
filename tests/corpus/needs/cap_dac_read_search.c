// Reads /etc/shadow (generic_permission: asked for before cap_dac_override, which would do as well).
#include "../corpus.h"

int main(void) {
    char line[80];
    int fd = must(open("/etc/shadow", O_RDONLY), "/etc/shadow");
    must(read(fd, line, sizeof line), "read");
}
