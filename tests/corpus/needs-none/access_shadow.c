// Asks whether it may read /etc/shadow, and continues whatever the answer is (for a user, access asks without
// capabilities).
#include "../corpus.h"

int main(void) {
    printf("%s\n", access("/etc/shadow", R_OK) ? "no" : "yes");
    printf("%s\n", access("/etc/passwd", W_OK) ? "no" : "yes");
}
