// Enters a user namespace of its own and is root there.
#include "../corpus.h"
#include "userns.h"

int main(void) {
    enter_userns(0);
    return getuid() != 0;
}
