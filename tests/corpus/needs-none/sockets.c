// Serves on a high port with ordinary options (TCP_CONGESTION asks for cap_net_admin before it checks whether everybody
// may use the algorithm).
#include "../corpus.h"
#include <netinet/in.h>
#include <netinet/tcp.h>

int main(void) {
    int on = 1, size = 65536, priority = 6, fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    char way[16];
    socklen_t length = sizeof way;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    must(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), "SO_SNDBUF");
    must(setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority), "SO_PRIORITY");
    // Before "net: core: enable SO_BINDTODEVICE for non-root users" this needed cap_net_raw.
    if (!kernel_before(5, 7)) must(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2), "SO_BINDTODEVICE");
    must(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, way, &length), "TCP_CONGESTION");
    must(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, way, length), "TCP_CONGESTION");
    must(bind(fd, (void *)&address, sizeof address), "bind");
    must(listen(fd, 8), "listen");
}
