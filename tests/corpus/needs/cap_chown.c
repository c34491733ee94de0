// Gives a file of its own to another user (chown_ok). It names the file: most programs that call fchown go on without.
#include "../corpus.h"

int main(void) {
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", temp_file());
    must(chown(path, getuid() == 1 ? 2 : 1, -1), "chown");
}
