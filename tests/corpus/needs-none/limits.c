// Lowers limits of its own, sets others to what they are, and makes itself likelier to be killed when memory is short
// (__set_oom_adj asks for cap_sys_resource, only to know whether this is to be the new lower bound).
#include "../corpus.h"
#include <sys/resource.h>

int main(void) {
    struct rlimit limit, none = {0, 0};
    must(prlimit(getpid(), RLIMIT_NOFILE, NULL, &limit), "prlimit");
    must(prlimit(getpid(), RLIMIT_NOFILE, &limit, NULL), "prlimit");
    must(setrlimit(RLIMIT_CORE, &none), "setrlimit");
    write_to("/proc/self/oom_score_adj", "1000");
}
