// Changes its saved group id alone (sys_setresgid).
#include "../corpus.h"

int main(void) {
    must(setresgid(-1, -1, getgid() == 1 ? 2 : 1), "setresgid");
}
