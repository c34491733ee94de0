// Becomes a group that it does not belong to (sys_setgid).
#include "../corpus.h"

int main(void) {
    must(setgid(getgid() == 1 ? 2 : 1), "setgid");
}
