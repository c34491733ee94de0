// Lists the machine's TCP sockets, as ss does (inet_diag asks for cap_net_admin).
// only --minimize can show: with cap_net_admin the marks and cgroups of the sockets are listed too
#include "../corpus.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

int main(void) {
    char answer[8192];
    struct { struct nlmsghdr header; struct inet_diag_req_v2 sockets; } request = {
        {.nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        {.sdiag_family = AF_INET, .sdiag_protocol = 6, .idiag_states = ~0U}};
    int fd = must(socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG), "socket");
    must(send(fd, &request, sizeof request, 0), "send");
    must(recv(fd, answer, sizeof answer, 0), "recv");
}
