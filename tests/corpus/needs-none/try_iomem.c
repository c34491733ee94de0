// Reads the addresses of the machine's devices, which are shown as zeros (r_show asks for cap_sys_admin for each line).
// only --minimize can show: with cap_sys_admin the addresses are there
#include "../corpus.h"

int main(void) {
    char text[4096];
    must(read(must(open("/proc/iomem", O_RDONLY), "/proc/iomem"), text, sizeof text), "read");
}
