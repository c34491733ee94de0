// Hangs up the terminal, in a child process that has none (sys_vhangup).
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
