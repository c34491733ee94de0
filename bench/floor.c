/* The minimal launcher: it raises CAPS, which its own file permits, and executes its first argument. */
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* These are copied from linux/capability.h, which the compiler wrapper of some C libraries does not find. */
struct header { uint32_t version; int pid; };
struct data { uint32_t effective, permitted, inheritable; };

int main(int argc, char **argv, char **environment)
{
	struct header header = { .version = 0x20080522 };
	struct data set[2] = {
		{ .permitted = (uint32_t)(CAPS), .inheritable = (uint32_t)(CAPS) },
		{ .permitted = (uint64_t)(CAPS) >> 32, .inheritable = (uint64_t)(CAPS) >> 32 },
	};

	if (argc < 2 || syscall(SYS_capset, &header, set) < 0)
		return 125;
	for (int cap = 0; cap < 64; cap++)
		if ((uint64_t)(CAPS) >> cap & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return 125;
	execve(argv[1], argv + 1, environment);
	perror(argv[1]);
	return 127;
}
