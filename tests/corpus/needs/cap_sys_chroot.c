// Changes its root directory to the one that it has (ksys_chroot).
#include "../corpus.h"

int main(void) {
    must(chroot("/"), "chroot");
}
