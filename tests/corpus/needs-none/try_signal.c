// Asks with signal 0 whether process 1 exists, which is another user's. A refusal says so too (kill_ok_by_cred).
// only --minimize can show: before 5.15, fexit does not see which signal is sent
#include "../corpus.h"
#include <signal.h>

int main(void) {
    if (kill(1, 0) == -1 && errno != EPERM) die("kill");
}
