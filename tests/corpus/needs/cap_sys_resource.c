// Lowers its own hard limit for open files and raises it again (do_prlimit).
// denied here: machines exist where not even root holds cap_sys_resource; there the denied check is what shows the need
#include "../corpus.h"
#include <sys/resource.h>

int main(void) {
    struct rlimit before, lower;
    must(getrlimit(RLIMIT_NOFILE, &before), "getrlimit");
    lower = (struct rlimit){before.rlim_cur - 1, before.rlim_cur - 1};
    must(setrlimit(RLIMIT_NOFILE, &lower), "setrlimit lower");
    must(setrlimit(RLIMIT_NOFILE, &before), "setrlimit back");
}
