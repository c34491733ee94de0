// Tries to act against the rules of mandatory access control, which only Smack permits with a capability
// (smack_privileged).
// cannot show here: no code outside Smack (CONFIG_SECURITY_SMACK) asks for it, and with Smack its labels and rules decide where
#include "../corpus.h"

int main(void) {
    cannot_show("only Smack asks for cap_mac_override");
}
