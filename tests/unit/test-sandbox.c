/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/sandbox.h"
#include "unit.h"

#define EXIT_SKIP 77

/* In the child: end with the number of the line whose claim does not hold. */
#define CLAIM(x)                                                                         \
	do {                                                                             \
		if (!(x)) {                                                              \
			dprintf(STDERR_FILENO, "line %d: %s (errno %d)\n", __LINE__, #x, \
			        errno);                                                  \
			_exit(1);                                                        \
		}                                                                        \
	} while (0)

/* Run @fn in a process of its own: what it gives up is gone for good. */
static int in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fn();
		(void)syscall(SYS_exit_group, 0); /* a sanitizer's _exit() does more */
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool fails(long r, int err)
{
	return r == -1 && errno == err;
}

static void isolated(void)
{
	char buf[4];
	int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int s;

	CLAIM(sandbox_isolate() == 0);
	CLAIM(fails(open("/etc/passwd", O_RDONLY), ENOENT));
	CLAIM(fails(open("/proc", O_RDONLY), ENOENT));
	CLAIM(fails(open("/../etc", O_RDONLY), ENOENT));
	CLAIM(fails(open("/new", O_CREAT | O_WRONLY, 0600), EROFS));
	CLAIM(read(self, buf, sizeof(buf)) == sizeof(buf)); /* what was open still works */
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	CLAIM(s >= 0);
	CLAIM(fails(connect(s, (struct sockaddr *)&(struct sockaddr_storage){
	                               .ss_family = AF_INET}, 16), ENETUNREACH));
}

START_TEST(isolate_as_root_leaves_no_path_and_no_network)
{
	ck_assert_int_eq(in_child(isolated), 0);
}
END_TEST

static void unprivileged_isolate(void)
{
	CLAIM(sandbox_set_ids(65534, 65534) == 0);
	CLAIM(sandbox_drop_caps(0) == 0);
	CLAIM(sandbox_isolate() == -EPERM);
	CLAIM(access("/etc/passwd", R_OK) == 0);
}

START_TEST(isolate_without_privilege_says_so_and_changes_nothing)
{
	ck_assert_int_eq(in_child(unprivileged_isolate), 0);
}
END_TEST

static void hardened(void)
{
	struct rlimit core;
	void *p;

	CLAIM(sandbox_harden_process() == 0);
	CLAIM(prctl(PR_GET_DUMPABLE) == 0);
	CLAIM(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 1);
	if (prctl(66 /* PR_GET_MDWE */, 0, 0, 0, 0) == 1) {
		p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CLAIM(fails(mprotect(p, 4096, PROT_READ | PROT_EXEC), EACCES));
	}
}

START_TEST(harden_process_forbids_dump_and_new_code)
{
	ck_assert_int_eq(in_child(hardened), 0);
}
END_TEST

/* As a unit with LimitCORE=0 starts us, once capabilities are gone. */
static void hardened_below_our_limit(void)
{
	const struct rlimit none = {0, 0};
	struct rlimit core;

	CLAIM(setrlimit(RLIMIT_CORE, &none) == 0);
	CLAIM(sandbox_drop_caps(0) == 0);
	CLAIM(sandbox_harden_process() == 0);
	CLAIM(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
}

START_TEST(harden_process_with_a_lower_core_limit_leaves_it)
{
	ck_assert_int_eq(in_child(hardened_below_our_limit), 0);
}
END_TEST

static void other_user(void)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	CLAIM(sandbox_set_ids(65534, 65533) == 0);
	CLAIM(getresuid(&r, &e, &s) == 0 && r == 65534 && e == 65534 && s == 65534);
	CLAIM(getresgid(&rg, &eg, &sg) == 0 && rg == 65533 && eg == 65533 && sg == 65533);
	CLAIM(getgroups(0, NULL) == 0);
	CLAIM(sandbox_drop_caps(0) == 0);
	CLAIM(fails(setuid(0), EPERM));
	CLAIM(fails(open("/etc/shadow", O_RDONLY), EACCES));
}

START_TEST(set_ids_leaves_no_way_back)
{
	ck_assert_int_eq(in_child(other_user), 0);
}
END_TEST

static bool has_cap(cap_value_t c, cap_flag_t set)
{
	cap_flag_value_t v = CAP_CLEAR;
	cap_t caps = cap_get_proc();

	(void)cap_get_flag(caps, c, set, &v);
	(void)cap_free(caps);
	return v == CAP_SET;
}

static void one_cap_left(void)
{
	CLAIM(sandbox_set_ids(65534, 65534) == 0);
	CLAIM(sandbox_drop_caps(UINT64_C(1) << CAP_LEASE) == 0);
	for (cap_value_t c = 0; c < cap_max_bits(); c++) {
		CLAIM(has_cap(c, CAP_PERMITTED) == (c == CAP_LEASE));
		CLAIM(has_cap(c, CAP_EFFECTIVE) == (c == CAP_LEASE));
		CLAIM(!has_cap(c, CAP_INHERITABLE));
		CLAIM(cap_get_bound(c) == (c == CAP_LEASE));
		CLAIM(cap_get_ambient(c) == 0);
	}
	CLAIM(sandbox_drop_caps(UINT64_C(1) << CAP_SYS_ADMIN) == -EPERM);
	CLAIM(sandbox_drop_caps(0) == 0);
	CLAIM(!has_cap(CAP_LEASE, CAP_PERMITTED));
}

START_TEST(drop_caps_keeps_the_mask_and_nothing_else)
{
	ck_assert_int_eq(in_child(one_cap_left), 0);
}
END_TEST

static int listen_abstract(struct sockaddr_un *a, socklen_t *len)
{
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                   snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1,
	                            "custos-test-%d", getpid()));
	CLAIM(bind(s, (struct sockaddr *)a, *len) == 0 && listen(s, 1) == 0);
	return s;
}

static void landlocked(void)
{
	struct sockaddr_un name;
	socklen_t len;
	int abi, tcp, sock, listener = listen_abstract(&name, &len);

	CLAIM(sandbox_no_new_privs() == 0);
	abi = sandbox_landlock(false);
	if (abi == 0)
		_exit(EXIT_SKIP);
	CLAIM(abi > 0);
	CLAIM(fails(open("/tmp", O_RDONLY | O_DIRECTORY), EACCES));
	CLAIM(fails(open("/tmp/custos-new", O_CREAT | O_WRONLY, 0600), EACCES));
	CLAIM(fails(open("/dev/null", O_WRONLY), EACCES));
	CLAIM(fails(mkdir("/tmp/custos-new", 0700), EACCES));
	CLAIM(fails(execl("/bin/true", "true", NULL), EACCES));
	CLAIM(open("/etc/passwd", O_RDONLY) >= 0); /* READ_FILE is left: fanotify needs it */
	if (abi >= 3)
		CLAIM(fails(truncate("/dev/null", 0), EACCES) || errno == EINVAL);
	if (abi >= 4) {
		tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CLAIM(fails(bind(tcp, (struct sockaddr *)&(struct sockaddr_storage){
		                              .ss_family = AF_INET}, 16), EACCES));
	}
	if (abi >= 6) {
		sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CLAIM(fails(kill(getppid(), 0), EPERM));
		CLAIM(fails(connect(sock, (struct sockaddr *)&name, len), EPERM));
	}
	(void)listener;
}

START_TEST(landlock_denies_all_but_reading_files)
{
	int r = in_child(landlocked);

	if (r == EXIT_SKIP)
		printf("skip: this kernel has no Landlock\n");
	else
		ck_assert_int_eq(r, 0);
}
END_TEST

static void no_privs(void)
{
	CLAIM(sandbox_no_new_privs() == 0);
	CLAIM(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
}

START_TEST(no_new_privs_is_set)
{
	ck_assert_int_eq(in_child(no_privs), 0);
}
END_TEST

static const int few[] = {SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(exit_group),
                          SCMP_SYS(getuid32) /* not on 64-bit machines: skipped */};

static void filtered(void)
{
	CLAIM(sandbox_seccomp(few, ARRAY_SIZE(few), NULL, 0) == 0);
	CLAIM(fails(open("/etc/passwd", O_RDONLY), EPERM));
	CLAIM(fails(socket(AF_INET, SOCK_STREAM, 0), EPERM));
	CLAIM(fails(syscall(SYS_getpid), EPERM));
	CLAIM(fails(syscall(SYS_execve, "/bin/true", NULL, NULL), EPERM));
	CLAIM(write(STDERR_FILENO, "", 0) == 0);
}

START_TEST(seccomp_allows_the_list_and_nothing_else)
{
	ck_assert_int_eq(in_child(filtered), 0);
}
END_TEST

#ifdef __x86_64__
static void foreign_architecture(void)
{
	long r;

	CLAIM(signal(SIGSEGV, SIG_DFL) != SIG_ERR); /* a sanitizer would tell of it, for which it may do nothing here */
	CLAIM(sandbox_seccomp(few, ARRAY_SIZE(few), NULL, 0) == 0);
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory"); /* i386 getpid */
	_exit(0);
}

START_TEST(seccomp_call_of_another_architecture_kills)
{
	int r = in_child(foreign_architecture);

	/* SIGSEGV: the kernel was built without the i386 entry, and there is nothing to test. */
	ck_assert(r == 128 + SIGSYS || r == 128 + SIGSEGV);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("sandbox");
	TCase *tc = tcase_create("sandbox");
	SRunner *sr;
	int failed;

	if (geteuid() != 0) {
		printf("skip: most of the sandbox can only be tested as root\n");
		return EXIT_SKIP;
	}
	tcase_add_test(tc, isolate_as_root_leaves_no_path_and_no_network);
	tcase_add_test(tc, isolate_without_privilege_says_so_and_changes_nothing);
	tcase_add_test(tc, harden_process_forbids_dump_and_new_code);
	tcase_add_test(tc, harden_process_with_a_lower_core_limit_leaves_it);
	tcase_add_test(tc, set_ids_leaves_no_way_back);
	tcase_add_test(tc, drop_caps_keeps_the_mask_and_nothing_else);
	tcase_add_test(tc, landlock_denies_all_but_reading_files);
	tcase_add_test(tc, no_new_privs_is_set);
	tcase_add_test(tc, seccomp_allows_the_list_and_nothing_else);
#ifdef __x86_64__
	tcase_add_test(tc, seccomp_call_of_another_architecture_kills);
#endif
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
