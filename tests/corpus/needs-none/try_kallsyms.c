// Reads a line of the kernel's symbols, whose addresses it does not use (kallsyms_show_value).
// only --minimize can show: with cap_syslog the addresses are there, without it they are zeros
#include "../corpus.h"

int main(void) {
    char line[80];
    int fd = open("/proc/kallsyms", O_RDONLY);
    if (fd == -1) cannot_show("no kallsyms here");
    must(read(fd, line, sizeof line), "read");
}
