// Asks whether it may read /etc/shadow, and goes on whatever the answer (access asks without capabilities for a user).
#include "../corpus.h"

int main(void) {
    printf("%s\n", access("/etc/shadow", R_OK) ? "no" : "yes");
    printf("%s\n", access("/etc/passwd", W_OK) ? "no" : "yes");
}
