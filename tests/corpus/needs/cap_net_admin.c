// Sets the flags of the interface lo to what they are (dev_ioctl, SIOCSIFFLAGS).
#include "../corpus.h"
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(void) {
    struct ifreq interface = {.ifr_name = "lo"};
    int fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
    must(ioctl(fd, SIOCGIFFLAGS, &interface), "SIOCGIFFLAGS");
    must(ioctl(fd, SIOCSIFFLAGS, &interface), "SIOCSIFFLAGS");
}
