// Lowers its own priority in every way: nice value, batch, idle, best-effort input and output, one processor.
#include "../corpus.h"
#include <sched.h>
#include <sys/resource.h>

int main(void) {
    cpu_set_t cpus;
    struct sched_param param = {0};
    must(setpriority(PRIO_PROCESS, 0, 5), "setpriority");
    must(sched_setscheduler(0, SCHED_BATCH, &param), "SCHED_BATCH");
    must(sched_setscheduler(0, SCHED_IDLE, &param), "SCHED_IDLE");
    must(sched_getaffinity(0, sizeof cpus, &cpus), "sched_getaffinity");
    must(sched_setaffinity(0, sizeof cpus, &cpus), "sched_setaffinity");
    must(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 7), "ioprio_set best effort");
    must(syscall(SYS_ioprio_set, 1, 0, 3 << 13), "ioprio_set idle");
}
