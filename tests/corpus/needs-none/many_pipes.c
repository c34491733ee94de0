// Opens more pipes than a user gets at full size (alloc_pipe_info asks for cap_sys_resource and cap_sys_admin; without
// them the later pipes are only smaller).
#include "../corpus.h"
#include <sys/resource.h>

int main(void) {
    int ends[2];
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    if (limit.rlim_max < 2300) cannot_show("the limit for open files is below 2300");
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    for (int i = 0; i < 1100; i++) must(pipe(ends), "pipe");
}
