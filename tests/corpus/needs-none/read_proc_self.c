// Reads all that /proc says about the process itself, and about the machine.
#include "../corpus.h"

int main(void) {
    static const char *const files[] = {
        "self/status", "self/stat", "self/maps", "self/smaps", "self/environ", "self/auxv", "self/io", "self/wchan",
        "self/mountinfo", "self/limits", "self/cgroup", "self/fdinfo/0", "self/ns/../comm", "stat", "meminfo", "cpuinfo",
        "net/tcp", "net/unix", "net/route", "uptime", "loadavg", "mounts", "swaps"};
    char path[64], buffer[4096];
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "/proc/%s", files[i]);
        int fd = open(path, O_RDONLY);
        if (fd == -1 && errno == ENOENT) continue;
        must(fd, path);
        while (must(read(fd, buffer, sizeof buffer), path) > 0) {}
        close(fd);
    }
    must(readlink("/proc/self/exe", buffer, sizeof buffer), "exe");
    must(readlink("/proc/self/ns/user", buffer, sizeof buffer), "ns/user");
}
