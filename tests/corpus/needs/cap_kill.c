// Asks with signal 0 whether it may signal process 1, which is another user's (kill_ok_by_cred).
#include "../corpus.h"
#include <signal.h>

int main(void) {
    must(kill(1, 0), "kill");
}
