// Reads which program a child runs that has made itself undumpable, which closes it to its own user
// (__ptrace_may_access).
#include "../corpus.h"
#include <signal.h>
#include <sys/prctl.h>

int main(void) {
    int ready[2];
    char path[64], program[256];
    must(pipe(ready), "pipe");
    pid_t child = must(fork(), "fork");
    if (child == 0) {
        must(prctl(PR_SET_DUMPABLE, 0), "PR_SET_DUMPABLE");
        must(write(ready[1], "", 1), "write");
        pause();
        _exit(0);
    }
    must(read(ready[0], path, 1), "read");
    snprintf(path, sizeof path, "/proc/%d/exe", child);
    long length = readlink(path, program, sizeof program);
    int why = errno;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    errno = why;
    must(length, path);
}
