// Opens the security context of a process of root. Opening works for everybody (proc_pid_attr_open).
#include "../corpus.h"

int main(void) {
    must(open("/proc/1/attr/current", O_RDONLY), "open");
}
