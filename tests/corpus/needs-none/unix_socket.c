// Passes a descriptor and its own identity through a socket.
#include "../corpus.h"
#include <sys/socket.h>

int main(void) {
    int ends[2], on = 1;
    char control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
    struct iovec text = {(char[]){"x"}, 1};
    struct msghdr message = {.msg_iov = &text, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    must(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), "SO_PASSCRED");
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    *part = (struct cmsghdr){CMSG_LEN(sizeof(struct ucred)), SOL_SOCKET, SCM_CREDENTIALS};
    *(struct ucred *)CMSG_DATA(part) = (struct ucred){getpid(), getuid(), getgid()};
    part = CMSG_NXTHDR(&message, part);
    *part = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    *(int *)CMSG_DATA(part) = ends[0];
    must(sendmsg(ends[0], &message, 0), "sendmsg");
    must(recvmsg(ends[1], &message, 0), "recvmsg");
}
