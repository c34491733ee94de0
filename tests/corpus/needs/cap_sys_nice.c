// Binds a process of root to the processors that it is bound to (sched_setaffinity).
#include "../corpus.h"
#include <sched.h>

int main(void) {
    cpu_set_t processors;
    must(sched_getaffinity(1, sizeof processors, &processors), "sched_getaffinity");
    must(sched_setaffinity(1, sizeof processors, &processors), "sched_setaffinity");
}
