// Takes a lease on a file of its own.
#include "../corpus.h"

int main(void) {
    close(temp_file());
    int fd = must(open(temp_path, O_RDONLY), temp_path);
    must(fcntl(fd, F_SETLEASE, F_RDLCK), "F_SETLEASE");
    must(fcntl(fd, F_SETLEASE, F_UNLCK), "F_SETLEASE back");
}
