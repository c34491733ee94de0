// Opens a raw socket (inet_create).
#include "../corpus.h"
#include <netinet/in.h>
#include <sys/socket.h>

int main(void) {
    must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "raw socket");
}
