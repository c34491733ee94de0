// Forks three hundred times, a hundred of them in a chain, each child of the next (dup_mmap, vm_enough_memory).
#include "../corpus.h"

int main(void) {
    for (int i = 0; i < 200; i++) {
        pid_t child = must(fork(), "fork");
        if (child == 0) _exit(0);
        wait_for(child);
    }
    for (int depth = 0; depth < 100; depth++) {
        pid_t child = must(fork(), "fork");
        if (child > 0) {
            wait_for(child);
            _exit(0);
        }
    }
}
