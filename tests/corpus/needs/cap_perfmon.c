// Counts its own events in the kernel too (perf_allow_kernel asks for cap_sys_admin, which would be enough too, only
// after it).
#include "../corpus.h"
#include <linux/perf_event.h>

int main(void) {
    long paranoid = number_in("/proc/sys/kernel/perf_event_paranoid", -1);
    if (paranoid < 2) cannot_show("perf_event_paranoid is below 2: this is free to all");
    if (paranoid > 2) cannot_show("perf_event_paranoid is above 2: a patched kernel wants cap_sys_admin");
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_DUMMY};
    must(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0), "perf_event_open");
}
