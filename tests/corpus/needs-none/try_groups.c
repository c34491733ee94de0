// Lets go of its further groups, as programs do that were perhaps started by root, and goes on if it may not.
// only --minimize can show: with cap_setgid the call succeeds
#include "../corpus.h"
#include <grp.h>

int main(void) {
    if (setgroups(0, NULL) == -1) perror("setgroups");
}
