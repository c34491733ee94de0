// Calls reboot with a wrong magic number, which the kernel checks only after it has asked for the capability
// (sys_reboot).
#include "../corpus.h"

int main(void) {
    syscall(SYS_reboot, 0, 0, 0, NULL);
    if (errno != EINVAL) die("reboot");
}
