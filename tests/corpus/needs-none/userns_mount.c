// Mounts, binds and unmounts in a mount namespace that belongs to a user namespace of its own.
#include "../corpus.h"
#include "userns.h"
#include <sys/mount.h>

int main(void) {
    enter_userns(CLONE_NEWNS);
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
    must(mount("none", "/tmp", "tmpfs", 0, NULL), "tmpfs");
    must(mkdir("/tmp/here", 0700), "mkdir");
    must(mount("/etc", "/tmp/here", NULL, MS_BIND | MS_REC, NULL), "bind");
    must(umount2("/tmp/here", MNT_DETACH), "umount");
    must(umount2("/tmp", MNT_DETACH), "umount");
}
