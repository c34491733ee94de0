// Reads the configuration of the first PCI device, as lspci does (pci_read_config asks for cap_sys_admin).
// only --minimize can show: without cap_sys_admin it ends after 64 bytes
#include "../corpus.h"
#include <glob.h>

int main(void) {
    char text[256];
    glob_t found;
    if (glob("/sys/bus/pci/devices/*/config", 0, NULL, &found)) cannot_show("no PCI here");
    must(read(must(open(found.gl_pathv[0], O_RDONLY), "config"), text, sizeof text), "read");
}
