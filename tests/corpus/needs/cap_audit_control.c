// Asks for the state of the audit log (audit_netlink_ok).
#include "../corpus.h"
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sys/socket.h>

int main(void) {
    struct { struct nlmsghdr header; char text[8]; } request = {
        {.nlmsg_len = sizeof request, .nlmsg_type = AUDIT_GET, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK}, "corpus"};
    struct { struct nlmsghdr header; struct nlmsgerr error; char rest[256]; } answer;
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    if (fd == -1) cannot_show("this kernel has no audit log");
    must(send(fd, &request, sizeof request, 0), "send");
    do must(recv(fd, &answer, sizeof answer, 0), "recv");
    while (answer.header.nlmsg_type != NLMSG_ERROR);
    errno = -answer.error.error;
    if (errno) die("AUDIT_GET");
}
