// Would like a better priority, safety from the OOM killer, a higher limit and another owner of its file, and goes on.
#include "../corpus.h"
#include <sys/resource.h>

int main(void) {
    struct rlimit limit;
    setpriority(PRIO_PROCESS, 0, -5);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd >= 0 && write(fd, "-500", 4) == -1) perror("oom_score_adj");
    must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max = limit.rlim_max + 1;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (fchown(temp_file(), 1, -1) == -1) perror("fchown");
}
