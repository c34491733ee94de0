// Gives a file to root and root's group, as tar and cp do, and continues if this is refused.
// only --minimize can show: with cap_chown the file is root's
#include "../corpus.h"

int main(void) {
    if (fchown(temp_file(), 0, 0) == -1) perror("fchown");
}
