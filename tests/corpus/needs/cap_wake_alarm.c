// Makes a timer that would wake the machine from sleep, and does not arm it (timerfd_create).
#include "../corpus.h"
#include <sys/timerfd.h>

int main(void) {
    must(timerfd_create(CLOCK_REALTIME_ALARM, 0), "timerfd_create");
}
