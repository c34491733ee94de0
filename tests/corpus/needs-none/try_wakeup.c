// Watches a pipe with EPOLLWAKEUP, so that its events keep the machine awake, and works as well if the kernel ignores
// the flag.
// only --minimize can show: with cap_block_suspend the wish is granted
#include "../corpus.h"
#include <sys/epoll.h>

int main(void) {
    int ends[2], fd = must(epoll_create1(0), "epoll_create1");
    struct epoll_event event = {.events = EPOLLIN | EPOLLWAKEUP};
    must(pipe(ends), "pipe");
    must(epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
}
