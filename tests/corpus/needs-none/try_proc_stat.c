// Reads the state of every process, as ps does (do_task_stat asks for cap_sys_ptrace for those of other users).
// only --minimize can show: without cap_sys_ptrace the addresses among the numbers are zeros
#include "../corpus.h"
#include <dirent.h>

int main(void) {
    char path[300], line[512];
    DIR *processes = opendir("/proc");
    if (!processes) die("/proc");
    for (struct dirent *process; (process = readdir(processes));) {
        if (process->d_name[0] < '1' || process->d_name[0] > '9') continue;
        snprintf(path, sizeof path, "/proc/%s/stat", process->d_name);
        int fd = open(path, O_RDONLY);
        if (fd == -1) continue;
        if (read(fd, line, sizeof line) == -1 && errno != ESRCH) die(path);
        close(fd);
    }
}
