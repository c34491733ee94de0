// Makes a terminal and takes it as its own.
#include "../corpus.h"
#include <sys/ioctl.h>

int main(void) {
    pid_t child = must(fork(), "fork");
    if (child == 0) {
        struct winsize size = {24, 80, 0, 0};
        int leader = must(posix_openpt(O_RDWR | O_NOCTTY), "posix_openpt");
        must(setsid(), "setsid");
        must(grantpt(leader), "grantpt");
        must(unlockpt(leader), "unlockpt");
        int follower = must(open(ptsname(leader), O_RDWR | O_NOCTTY), "terminal");
        must(ioctl(follower, TIOCSCTTY, 0), "TIOCSCTTY");
        must(ioctl(follower, TIOCSWINSZ, &size), "TIOCSWINSZ");
        _exit(0);
    }
    wait_for(child);
}
