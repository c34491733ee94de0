// Counts its own events in the kernel too. If this is refused, it counts only those outside the kernel, as perf does.
// only --minimize can show: with cap_perfmon the first attempt succeeds
#include "../corpus.h"
#include <linux/perf_event.h>

int main(void) {
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_TASK_CLOCK};
    if (syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0) != -1) return 0;
    attr.exclude_kernel = attr.exclude_hv = 1;
    syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}
