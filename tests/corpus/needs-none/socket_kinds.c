// Opens sockets of kinds that look privileged (AF_VSOCK asks for cap_net_admin, only to mark the socket as trusted).
#include "../corpus.h"
#include <linux/netlink.h>
#include <netinet/in.h>

int main(void) {
    struct sockaddr_nl events = {.nl_family = AF_NETLINK, .nl_groups = 1};
    socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    socket(AF_VSOCK, SOCK_STREAM, 0);
    socket(AF_ALG, SOCK_SEQPACKET, 0);
    must(socket(AF_UNIX, SOCK_SEQPACKET, 0), "AF_UNIX");
    int fd = must(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT), "uevents");
    must(bind(fd, (void *)&events, sizeof events), "bind");
}
