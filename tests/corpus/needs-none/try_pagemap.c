// Reads its own page map, for which pages are in memory (pagemap_read asks for cap_sys_admin).
// only --minimize can show: with cap_sys_admin the numbers of the page frames are there, without it they are zeros
#include "../corpus.h"

int main(void) {
    uint64_t page;
    int fd = open("/proc/self/pagemap", O_RDONLY);
    if (fd == -1) cannot_show("no page map here");
    must(pread(fd, &page, sizeof page, (uintptr_t)&page / 4096 * 8), "read");
}
