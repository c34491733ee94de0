// Asks for a network interface that does not exist (dev_load asks for cap_net_admin and cap_sys_module, only to know
// whether it may look for a module of that name).
#include "../corpus.h"
#include <net/if.h>

int main(void) {
    return if_nametoindex("corpus0") != 0;
}
