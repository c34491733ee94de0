// Makes a pipe larger, within the limit.
#include "../corpus.h"

int main(void) {
    int ends[2];
    must(pipe(ends), "pipe");
    must(fcntl(ends[0], F_SETPIPE_SZ, 1 << 17), "F_SETPIPE_SZ");
}
