// Sends process 1, which is another user's, a signal that it ignores (kill_ok_by_cred).
#include "../corpus.h"
#include <signal.h>

int main(void) {
    must(kill(1, SIGURG), "kill");
}
