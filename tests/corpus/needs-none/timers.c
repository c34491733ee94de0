// Waits for timers, files and events of its own, and reads the clock's settings.
#include "../corpus.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <sys/timex.h>

int main(void) {
    struct timex clock = {.modes = 0};
    struct itimerspec soon = {.it_value = {.tv_nsec = 1}};
    struct epoll_event event = {.events = EPOLLIN};
    int timer = must(timerfd_create(CLOCK_BOOTTIME, 0), "timerfd_create"), poll = must(epoll_create1(0), "epoll_create1");
    must(timerfd_settime(timer, 0, &soon, NULL), "timerfd_settime");
    must(epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event), "epoll_ctl");
    must(epoll_wait(poll, &event, 1, -1), "epoll_wait");
    must(inotify_add_watch(must(inotify_init(), "inotify_init"), "/etc", IN_CREATE), "inotify_add_watch");
    must(eventfd(0, 0), "eventfd");
    must(adjtimex(&clock), "adjtimex");
}
