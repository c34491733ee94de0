// Starts a process 1 in a process namespace that belongs to a user namespace of its own, with a /proc of its own.
#include "../corpus.h"
#include "userns.h"
#include <sys/mount.h>

int main(void) {
    enter_userns(CLONE_NEWPID | CLONE_NEWNS);
    pid_t child = must(fork(), "fork");
    if (child == 0) {
        if (mount("proc", "/proc", "proc", 0, NULL) == -1) fprintf(stderr, "no /proc of its own, which does not matter\n");
        _exit(getpid() != 1);
    }
    wait_for(child);
}
