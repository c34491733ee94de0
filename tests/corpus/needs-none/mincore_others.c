// Asks which pages of another user's file are in memory. The call works for everybody (can_do_mincore).
#include "../corpus.h"
#include <sys/mman.h>

int main(void) {
    int fd = must(open("/etc/passwd", O_RDONLY), "open");
    void *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    unsigned char shown;
    must(page == MAP_FAILED ? -1 : 0, "mmap");
    must(mincore(page, 4096, &shown), "mincore");
}
