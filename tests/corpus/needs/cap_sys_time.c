// Sets the length of the clock's tick to what it is (ntp_validate_timex, called timekeeping_validate_timex before 5.0).
#include "../corpus.h"
#include <sys/timex.h>

int main(void) {
    struct timex clock = {.modes = 0};
    must(adjtimex(&clock), "adjtimex for reading");
    clock.modes = ADJ_TICK;
    must(adjtimex(&clock), "adjtimex");
}
