// Makes a socket's receive buffer larger than the system's limit (sk_setsockopt, SO_RCVBUFFORCE).
#include "../corpus.h"
#include <sys/socket.h>

int main(void) {
    int size = 1 << 24, fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
    must(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), "SO_RCVBUFFORCE");
}
