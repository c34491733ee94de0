// Reads which program every process runs, as lsof does, and continues where this is refused (__ptrace_may_access).
// only --minimize can show: with cap_sys_ptrace there is an answer for the processes of other users
#include "../corpus.h"
#include <dirent.h>

int main(void) {
    char path[300], program[256];
    DIR *processes = opendir("/proc");
    if (!processes) die("/proc");
    for (struct dirent *process; (process = readdir(processes));) {
        if (process->d_name[0] < '1' || process->d_name[0] > '9') continue;
        snprintf(path, sizeof path, "/proc/%s/exe", process->d_name);
        if (readlink(path, program, sizeof program) == -1) continue;
    }
}
