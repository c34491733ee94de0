// Opens a file for writing that nobody may write, not even its owner (generic_permission).
#include "../corpus.h"

int main(void) {
    must(fchmod(temp_file(), 0400), "fchmod");
    must(open(temp_path, O_WRONLY), "open for writing");
}
