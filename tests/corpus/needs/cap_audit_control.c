// Asks for the state of the audit log (audit_netlink_ok). The kernel answers only in the initial PID namespace.
#include "../corpus.h"
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sys/socket.h>

// This is PROC_PID_INIT_INO of include/linux/proc_ns.h.
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU

int main(void) {
    struct stat namespace;
    if (!stat("/proc/self/ns/pid", &namespace) && namespace.st_ino != INITIAL_PID_NAMESPACE)
        cannot_show("this is not the initial PID namespace");
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
