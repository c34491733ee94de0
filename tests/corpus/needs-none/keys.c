// Keeps a secret in a keyring of its own.
#include "../corpus.h"
#include <linux/keyctl.h>

int main(void) {
    long key = syscall(SYS_add_key, "user", "corpus", "secret", 6, KEY_SPEC_PROCESS_KEYRING);
    if (key == -1 && errno == ENOSYS) cannot_show("no keyrings here");
    must(key, "add_key");
    must(syscall(SYS_keyctl, KEYCTL_SETPERM, key, 0x3f3f0000), "KEYCTL_SETPERM");
    must(syscall(SYS_keyctl, KEYCTL_REVOKE, key), "KEYCTL_REVOKE");
}
