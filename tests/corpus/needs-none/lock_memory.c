// Locks memory within its limit (mmap with MAP_LOCKED and SHM_LOCK ask for cap_ipc_lock before they compare).
#include "../corpus.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>

int main(void) {
    static char page[4096];
    struct rlimit limit;
    must(getrlimit(RLIMIT_MEMLOCK, &limit), "getrlimit");
    if (limit.rlim_cur < 65536) cannot_show("the limit for locked memory is below 64 KiB");
    must(mlock(page, sizeof page), "mlock");
    if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED) die("MAP_LOCKED");
    int id = must(shmget(IPC_PRIVATE, 4096, 0600), "shmget"), locked = shmctl(id, SHM_LOCK, NULL), why = errno;
    shmctl(id, IPC_RMID, NULL);
    errno = why;
    must(locked, "SHM_LOCK");
}
