// Listens to the netlink broadcasts of all network namespaces (netlink_setsockopt, NETLINK_LISTEN_ALL_NSID).
#include "../corpus.h"
#include <linux/netlink.h>
#include <sys/socket.h>

int main(void) {
    int on = 1, fd = must(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "socket");
    must(setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof on), "NETLINK_LISTEN_ALL_NSID");
}
