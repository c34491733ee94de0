// Drops its supplementary groups, as programs do that root may have started, and continues if this is refused.
// only --minimize can show: with cap_setgid the call succeeds
#include "../corpus.h"
#include <grp.h>

int main(void) {
    if (setgroups(0, NULL) == -1) perror("setgroups");
}
