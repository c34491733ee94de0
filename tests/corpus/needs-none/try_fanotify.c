// Watches a directory of its own with fanotify, in the way that everybody may (fanotify_init).
// only --minimize can show: with cap_sys_admin the group is a privileged one, and every event names its process
#include "../corpus.h"
#include <sys/fanotify.h>

int main(void) {
    int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, 0);
    if (fd == -1) cannot_show("fanotify is not for everybody here");
    close(temp_file());
    if (fanotify_mark(fd, FAN_MARK_ADD, FAN_CREATE | FAN_ONDIR, AT_FDCWD, temp_dir) == -1) {
        if (errno == ENODEV || errno == EOPNOTSUPP) cannot_show("this file system cannot be watched so");
        die("fanotify_mark");
    }
}
