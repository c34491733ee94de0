// Writes to a setuid file that stays setuid (setattr_should_drop_suidgid). The write succeeds in any case.
#include "../corpus.h"

int main(void) {
    struct stat st;
    int fd = temp_file();
    must(fchmod(fd, 04700), "fchmod");
    must(write(fd, "x", 1), "write");
    must(fstat(fd, &st), "fstat");
    if (!(st.st_mode & S_ISUID)) {
        fprintf(stderr, "the setuid bit is gone\n");
        return 1;
    }
}
