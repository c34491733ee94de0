// Filters what a socket of its own receives with a classic BPF program (its compiler asks for cap_sys_admin, only to
// know whether the program needs to be guarded against speculation).
#include "../corpus.h"
#include <linux/filter.h>
#include <sys/socket.h>

int main(void) {
    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 65535);
    struct sock_fprog program = {1, &all};
    int fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
    must(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), "SO_ATTACH_FILTER");
}
