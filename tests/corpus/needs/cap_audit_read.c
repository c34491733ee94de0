// Subscribes to the audit log (audit_multicast_bind).
#include "../corpus.h"
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sys/socket.h>

int main(void) {
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1 << (AUDIT_NLGRP_READLOG - 1)};
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    if (fd == -1) cannot_show("this kernel has no audit log");
    must(bind(fd, (void *)&address, sizeof address), "bind");
}
