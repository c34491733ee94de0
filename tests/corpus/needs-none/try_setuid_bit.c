// Writes to a setuid file and does not mind whether it stays setuid (setattr_should_drop_suidgid).
// only --minimize can show: with cap_fsetid the bit stays, without it the write takes it away
#include "../corpus.h"

int main(void) {
    int fd = temp_file();
    must(fchmod(fd, 04700), "fchmod");
    must(write(fd, "x", 1), "write");
}
