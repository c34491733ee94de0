// Asks how much of the kernel's log is unread (check_syslog_permissions).
#include "../corpus.h"
#include <sys/klog.h>

int main(void) {
    must(klogctl(9, NULL, 0), "syslog");
}
