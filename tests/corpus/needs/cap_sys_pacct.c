// Turns on process accounting to a file that does not exist, which the kernel notices only after it has asked
// (sys_acct).
#include "../corpus.h"

int main(void) {
    acct("/nonexistent/accounting");
    if (errno == ENOSYS) cannot_show("this kernel has no process accounting");
    if (errno != ENOENT) die("acct");
}
