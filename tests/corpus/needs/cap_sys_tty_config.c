// Hangs up its terminal, of which the child that does it has none (sys_vhangup).
#include "../corpus.h"

int main(void) {
    pid_t child = must(fork(), "fork");
    if (child == 0) {
        must(setsid(), "setsid");
        must(vhangup(), "vhangup");
        return 0;
    }
    wait_for(child);
}
