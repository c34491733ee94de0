// Calls reboot with a magic number that is wrong, which the kernel notices after it has asked (sys_reboot).
#include "../corpus.h"

int main(void) {
    syscall(SYS_reboot, 0, 0, 0, NULL);
    if (errno != EINVAL) die("reboot");
}
