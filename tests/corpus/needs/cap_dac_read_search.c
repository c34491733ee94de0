// Reads /etc/shadow (generic_permission asks for cap_dac_override, which would be enough too, only after it).
#include "../corpus.h"

int main(void) {
    char line[80];
    int fd = must(open("/etc/shadow", O_RDONLY), "/etc/shadow");
    must(read(fd, line, sizeof line), "read");
}
