// Asks for real-time priority for processor and disk, as sound programs do, and continues without it.
// only --minimize can show: with cap_sys_nice (or, for the disk, cap_sys_admin, asked for first) the attempts succeed
#include "../corpus.h"
#include <sched.h>

int main(void) {
    struct sched_param param = {.sched_priority = 1};
    if (syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4) == -1) perror("ioprio_set");
    if (sched_setscheduler(0, SCHED_RR, &param) == -1) perror("sched_setscheduler");
}
