// Counts its own events outside the kernel (perf_check_permission asks for cap_perfmon before it checks whose process
// it is), and handles its own page faults.
#include "../corpus.h"
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>

int main(void) {
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_TASK_CLOCK,
                                   .exclude_kernel = 1, .exclude_hv = 1};
    int counter = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), faults = syscall(SYS_userfaultfd, UFFD_USER_MODE_ONLY);
    printf("%d %d\n", counter, faults);
}
