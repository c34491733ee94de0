// Takes cap_sys_boot out of its own bounding set (cap_prctl_drop).
#include "../corpus.h"
#include <linux/capability.h>
#include <sys/prctl.h>

int main(void) {
    must(prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0), "PR_CAPBSET_DROP");
}
