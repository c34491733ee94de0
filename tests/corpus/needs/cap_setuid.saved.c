// Changes its saved user id alone (sys_setresuid).
#include "../corpus.h"

int main(void) {
    must(setresuid(-1, -1, getuid() == 1 ? 2 : 1), "setresuid");
}
