// Asks for a socket buffer beyond the limit. If this is refused, it takes what it gets, as many servers do.
// only --minimize can show: before 5.15, fexit does not see which option is set
#include "../corpus.h"
#include <sys/socket.h>

int main(void) {
    int size = 1 << 24, fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0) return 0;
    must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), "SO_RCVBUF");
}
