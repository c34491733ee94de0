// Locks memory although its limit for locked memory is zero (can_do_mlock and do_mlock).
#include "../corpus.h"
#include <sys/mman.h>
#include <sys/resource.h>

int main(void) {
    static char page[4096];
    struct rlimit none = {0, 0};
    must(setrlimit(RLIMIT_MEMLOCK, &none), "setrlimit");
    must(mlock(page, sizeof page), "mlock");
}
