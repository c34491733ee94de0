// Lists network interfaces and addresses, as `ip link` does.
#include "../corpus.h"
#include <ifaddrs.h>
#include <net/if.h>

int main(void) {
    struct ifaddrs *addresses;
    must(getifaddrs(&addresses), "getifaddrs");
    return if_nametoindex("lo") == 0;
}
