// Renames the machine, changes its root directory, and drops a capability from its bounding set, all in a user
// namespace of its own.
#include "../corpus.h"
#include "userns.h"
#include <linux/capability.h>
#include <sys/prctl.h>

int main(void) {
    enter_userns(CLONE_NEWUTS | CLONE_NEWIPC);
    must(sethostname("corpus", 6), "sethostname");
    must(chroot("/"), "chroot");
    must(setuid(0), "setuid");
    must(prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT, 0, 0, 0), "PR_CAPBSET_DROP");
}
