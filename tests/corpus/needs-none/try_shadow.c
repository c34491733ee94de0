// Checks whether /etc/shadow can be read, and continues whatever the answer is.
// only --minimize can show: with cap_dac_read_search the file opens, and the kernel cannot see that nobody minds
#include "../corpus.h"

int main(void) {
    open("/etc/shadow", O_RDONLY);
}
