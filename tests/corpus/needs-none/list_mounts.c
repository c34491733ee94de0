// Lists the mounts of its namespace (listmount asks for cap_sys_admin only if the process has another root directory).
#include "../corpus.h"

int main(void) {
    struct { uint32_t size, spare; uint64_t mount, param; } request = {sizeof request, 0, UINT64_MAX, 0};
    uint64_t mounts[512];
    long count = syscall(458, &request, mounts, 512, 0);
    if (count == -1 && errno == ENOSYS) cannot_show("this kernel has no listmount");
    must(count, "listmount");
}
