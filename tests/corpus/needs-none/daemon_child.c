// Becomes a daemon: the grandchild leaves the session, loses its parent, works, and reports by a pipe.
#include "../corpus.h"

int main(void) {
    int done[2];
    char report = 0;
    must(pipe(done), "pipe");
    pid_t child = must(fork(), "fork");
    if (child == 0) {
        must(setsid(), "setsid");
        if (must(fork(), "fork") > 0) _exit(0);
        must(chdir("/"), "chdir");
        umask(027);
        while (getppid() == child) usleep(1000);
        free(malloc(8 << 20));
        must(write(done[1], "y", 1), "write");
        _exit(0);
    }
    close(done[1]);
    wait_for(child);
    must(read(done[0], &report, 1), "read");
    return report != 'y';
}
