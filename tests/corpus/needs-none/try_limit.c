// Asks for more open files than its hard limit, as servers do, and continues with what it has.
// only --minimize can show: with cap_sys_resource the limit is raised
#include "../corpus.h"
#include <sys/resource.h>

int main(void) {
    struct rlimit limit;
    must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_max++;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1) perror("setrlimit");
}
