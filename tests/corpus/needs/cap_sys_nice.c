// Raises its own priority (can_nice).
#include "../corpus.h"
#include <sys/resource.h>

int main(void) {
    must(setpriority(PRIO_PROCESS, 0, -1), "setpriority");
}
