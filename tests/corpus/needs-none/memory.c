// Uses half a gigabyte of memory in every way there is (vm_enough_memory asks for cap_sys_admin each time, only to know
// whether it may touch the last reserve).
#include "../corpus.h"
#include <alloca.h>
#include <sys/mman.h>

int main(void) {
    size_t size = 256 << 20;
    char *memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    must(mprotect(memory, size, PROT_READ | PROT_WRITE), "mprotect");
    memory = mremap(memory, size, 2 * size, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) die("mremap");
    for (size_t at = 0; at < 2 * size; at += 1 << 20) memory[at] = 1;
    char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) die("mmap shared");
    shared[0] = 1;
    if (sbrk(1 << 20) == (void *)-1) die("sbrk");
    memset(alloca(1 << 20), 1, 1 << 20);
    must(munmap(memory, 2 * size), "munmap");
}
