// Executes a copy of itself that may be executed but not read (would_dump asks for cap_dac_read_search, only to know
// whether the process may be dumped).
#include "../corpus.h"

int main(int argc, char **argv) {
    char buffer[65536];
    ssize_t length;
    if (argc > 1) return 0;
    int to = temp_file(), from = must(open("/proc/self/exe", O_RDONLY), "/proc/self/exe");
    while ((length = must(read(from, buffer, sizeof buffer), "read")) > 0) must(write(to, buffer, length), "write");
    must(fchmod(to, 0111), "fchmod");
    close(to);
    pid_t child = must(fork(), "fork");
    if (child == 0) must(execl(temp_path, argv[0], "again", NULL), "exec");
    wait_for(child);
}
