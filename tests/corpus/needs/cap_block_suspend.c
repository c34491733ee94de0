// Watches a pipe with EPOLLWAKEUP, so that its events keep the machine awake. Without the capability the kernel
// silently ignores the flag (ep_take_care_of_epollwakeup).
// cannot show here: a kernel that cannot sleep (no CONFIG_PM_SLEEP) drops the wish without asking
#include "../corpus.h"
#include <sys/epoll.h>

int main(void) {
    int ends[2], fd = must(epoll_create1(0), "epoll_create1");
    struct epoll_event event = {.events = EPOLLIN | EPOLLWAKEUP};
    char path[64], line[256];
    unsigned events = 0;
    if (access("/sys/power/wakeup_count", F_OK) == -1) cannot_show("this kernel cannot sleep");
    must(pipe(ends), "pipe");
    must(epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    while (fgets(line, sizeof line, file)) sscanf(line, "tfd: %*d events: %x", &events);
    if (!(events & EPOLLWAKEUP)) {
        fprintf(stderr, "EPOLLWAKEUP was dropped\n");
        return 1;
    }
}
