/*
 * The loads for measuring learning and tracing. Each writes to FILE how often it did its work, how many
 * nanoseconds that took, and for how many of them it and its children had a CPU.
 *
 *   load opens FILE TIMES [LINGER]    opens /etc/shadow, which is denied after two checks
 *   load forks FILE TIMES [LINGER]    starts a child that exits, and waits for it
 *   load asking FILE TIMES [LINGER]   does the same, and each child opens /etc/shadow
 *   load quiet FILE TIMES [LINGER]    computes for some milliseconds and reads a page, without checks
 *   load paced FILE TIMES RATE        opens it, RATE times a second and no more often
 *   load run FILE CMD [ARG]...        starts CMD, and writes its status, both times, and its peak KiB
 *
 * LINGER is the number of seconds to stay alive after FILE is written.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DENIED "/etc/shadow"

static int64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

static int64_t of_cpu(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * INT64_C(1000000000) +
	       (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * INT64_C(1000);
}

static int64_t cpu(void)
{
	struct rusage own, children;

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	return of_cpu(&own) + of_cpu(&children);
}

/* The caller may have passed all capabilities, and with them the kernel would deny nothing. */
static void drop(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &header, none) < 0)
		err(1, "capset");
	if (geteuid() == 0)
		errx(1, "as root nothing is denied: root owns " DENIED);
}

static void denied(void)
{
	if (open(DENIED, O_RDONLY) >= 0)
		errx(1, DENIED " could be opened");
	if (errno != EACCES)
		err(1, "open " DENIED);
}

static void child(void (*work)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (work)
			work();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		err(1, "fork");
	if (status != 0)
		errx(1, "a child failed");
}

static void forks(void) { child(NULL); }
static void asking(void) { child(denied); }

static void quiet(void)
{
	static uint64_t state = 88172645463325252u;
	static char page[4096];
	static int zero = -1;

	for (int n = 0; n < 1000000; n++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		__asm__ volatile("" : "+r"(state));
	}
	if (zero < 0)
		zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	if (read(zero, page, sizeof page) != sizeof page)
		err(1, "read /dev/zero");
}

/* After a late open the next ones follow at once, until the pace is reached again. */
static void paced(long times, long rate)
{
	int64_t start = now();

	for (long n = 0; n < times; n++) {
		while (now() < start + n * INT64_C(1000000000) / rate)
			;
		denied();
	}
}

static void run(FILE *file, char **argv)
{
	struct rusage usage;
	int64_t start = now();
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		err(1, "start %s", argv[0]);
	/* The peak is that of the process in CMD's tree that needed most. */
	fprintf(file, "%d %ld %ld %ld\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
		(long)(now() - start), (long)of_cpu(&usage), usage.ru_maxrss);
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[1] : "";
	void (*work)(void) = !strcmp(what, "opens") ? denied : !strcmp(what, "forks") ? forks :
			     !strcmp(what, "asking") ? asking : !strcmp(what, "quiet") ? quiet : NULL;
	long times = argc > 3 ? atol(argv[3]) : 0;
	int64_t start, start_cpu;
	FILE *file;

	if (argc < 4 || !(work || !strcmp(what, "paced") || !strcmp(what, "run")))
		errx(2, "usage: load opens|forks|asking|quiet|paced FILE TIMES [RATE|LINGER], load run FILE CMD");
	file = fopen(argv[2], "we");
	if (!file)
		err(1, "%s", argv[2]);
	if (!strcmp(what, "run")) {
		run(file, argv + 3);
		return 0;
	}
	drop();
	start_cpu = cpu();
	start = now();
	if (work)
		for (long n = 0; n < times; n++)
			work();
	else
		paced(times, argc > 4 ? atol(argv[4]) : 1);
	fprintf(file, "%ld %ld", times, (long)(now() - start));
	fprintf(file, " %ld\n", (long)(cpu() - start_cpu));
	if (fclose(file) != 0)
		err(1, "%s", argv[2]);
	if (work && argc > 4)
		sleep(atoi(argv[4]));
	return 0;
}
