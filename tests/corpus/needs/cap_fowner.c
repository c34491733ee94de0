// Opens a file of another user without touching its access time (inode_owner_or_capable).
#include "../corpus.h"

int main(void) {
    must(open("/etc/passwd", O_RDONLY | O_NOATIME), "open with O_NOATIME");
}
