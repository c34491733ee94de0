// Becomes another user (sys_setuid).
#include "../corpus.h"

int main(void) {
    must(setuid(getuid() == 1 ? 2 : 1), "setuid");
}
