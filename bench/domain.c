/* Measures what Landlock's own calls take for a domain of one rule for each path: domain ROUNDS PATH... */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double micros(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static int compare(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

/* A process joins a domain for good, so each round has its own. */
static double join(int count, const int *places)
{
	const __u64 reads = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	struct landlock_ruleset_attr handled = { .handled_access_fs = reads };
	double start = micros();
	long ruleset = syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled.handled_access_fs), 0);

	if (ruleset < 0)
		err(1, "landlock_create_ruleset");
	for (int at = 0; at < count; at++) {
		struct landlock_path_beneath_attr rule = { .allowed_access = reads, .parent_fd = places[at] };

		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
			err(1, "landlock_add_rule");
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0))
		err(1, "landlock_restrict_self");
	return micros() - start;
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? atoi(argv[1]) : 0, places[argc];
	double *took;

	if (rounds < 1)
		errx(2, "usage: domain ROUNDS PATH...");
	took = mmap(NULL, rounds * sizeof(*took), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (took == MAP_FAILED || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err(1, "prepare");
	for (int at = 2; at < argc; at++)
		if ((places[at - 2] = open(argv[at], O_PATH | O_CLOEXEC)) < 0)
			err(1, "%s", argv[at]);
	for (int round = 0; round < rounds; round++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			took[round] = join(argc - 2, places);
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status)
			errx(1, "a round failed");
	}
	qsort(took, rounds, sizeof(*took), compare);
	printf("%.1f %.1f\n", took[rounds / 2], took[0]);
	return 0;
}
