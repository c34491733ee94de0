// Restricts its own access to files with Landlock, after it has set no_new_privs.
#include "../corpus.h"
#include <linux/landlock.h>
#include <sys/prctl.h>

int main(void) {
    struct landlock_ruleset_attr rules = {.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_BLOCK};
    int fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
    if (fd == -1 && (errno == ENOSYS || errno == EOPNOTSUPP)) cannot_show("no Landlock here");
    must(fd, "landlock_create_ruleset");
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
    must(syscall(SYS_landlock_restrict_self, fd, 0), "landlock_restrict_self");
}
