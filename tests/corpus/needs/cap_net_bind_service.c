// Binds to port 1 of the loopback address (__inet_bind). If the port is in use, this counts as success, too. Where
// net.ipv4.ip_unprivileged_port_start is below 2, nothing is needed.
#include "../corpus.h"
#include <netinet/in.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    if (bind(fd, (void *)&address, sizeof address) == -1 && errno != EADDRINUSE) die("bind");
}
