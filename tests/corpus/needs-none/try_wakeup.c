// Watches a pipe so that its events keep the machine awake, and does not mind if that wish is dropped.
// only --minimize can show: with cap_block_suspend the wish is granted
#include "../corpus.h"
#include <sys/epoll.h>

int main(void) {
    int ends[2], fd = must(epoll_create1(0), "epoll_create1");
    struct epoll_event event = {.events = EPOLLIN | EPOLLWAKEUP};
    must(pipe(ends), "pipe");
    must(epoll_ctl(fd, EPOLL_CTL_ADD, ends[0], &event), "epoll_ctl");
}
