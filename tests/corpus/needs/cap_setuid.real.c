// Changes its real user id alone (sys_setresuid).
#include "../corpus.h"

int main(void) {
    must(setresuid(getuid() == 1 ? 2 : 1, -1, -1), "setresuid");
}
