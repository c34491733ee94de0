// Opens a raw socket and takes port 80 in a network namespace that belongs to a user namespace of its own.
#include "../corpus.h"
#include "userns.h"
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

int main(void) {
    struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    enter_userns(CLONE_NEWNET);
    int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    must(ioctl(fd, SIOCSIFFLAGS, &loopback), "lo up");
    must(bind(fd, (void *)&address, sizeof address), "bind");
    must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "raw socket");
}
