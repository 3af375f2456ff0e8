/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal thread against a journald of our own
 *
 * libsystemd sends to a fixed path, so each case runs in a mount namespace of its own with an
 * empty /run and binds that path itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "custos/clock.h"
#include "journal.h"
#include "unit.h"

#define SOCKET_PATH "/run/systemd/journal/socket"

__attribute__((constructor)) static void skip_unless_root(void)
{
	if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0)
		return;
	puts("skip: needs root and CLONE_NEWNS to put a socket where journald's is");
	fflush(stdout);
	_exit(77);
}

static void empty_run(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mkdir("/run/systemd", 0755), 0);
	ck_assert_int_eq(mkdir("/run/systemd/journal", 0755), 0);
}

static int fake_journald(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX, .sun_path = SOCKET_PATH};
	struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

/* One entry in the native protocol, parsed. */
struct received {
	size_t n;
	struct {
		char name[64];
		const char *value;
		size_t len;
	} field[64];
	char buf[64 * 1024];
	size_t len;
	bool by_fd;
};

static void parse(struct received *m)
{
	const char *p = m->buf, *end = m->buf + m->len;

	for (m->n = 0; p < end; m->n++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *eq = nl ? memchr(p, '=', (size_t)(nl - p)) : NULL;
		size_t name_len = (size_t)((eq ? eq : nl) - p);
		uint64_t len;

		ck_assert_ptr_nonnull(nl);
		ck_assert_uint_lt(m->n, 64);
		ck_assert_uint_lt(name_len, 64);
		memcpy(m->field[m->n].name, p, name_len);
		m->field[m->n].name[name_len] = '\0';
		if (eq) {
			m->field[m->n].value = eq + 1;
			m->field[m->n].len = (size_t)(nl - eq - 1);
			p = nl + 1;
			continue;
		}
		memcpy(&len, nl + 1, sizeof(len)); /* little endian, as this machine */
		ck_assert_uint_lt(len, (size_t)(end - nl) - 9);
		m->field[m->n].value = nl + 9;
		m->field[m->n].len = len;
		ck_assert_int_eq(nl[9 + len], '\n');
		p = nl + 9 + len + 1;
	}
}

/* False when nothing came within the socket's time limit. */
static bool receive(int fd, struct received *m)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {m->buf, sizeof(m->buf)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC);
	struct cmsghdr *c;

	if (n < 0)
		return false;
	c = CMSG_FIRSTHDR(&mh);
	m->by_fd = c != NULL;
	if (c) {
		int memfd;

		memcpy(&memfd, CMSG_DATA(c), sizeof(memfd));
		n = pread(memfd, m->buf, sizeof(m->buf), 0);
		ck_assert_int_ge(n, 0);
		close(memfd);
	}
	m->len = (size_t)n;
	parse(m);
	return true;
}

static const char *value_of(const struct received *m, const char *name)
{
	static char text[8192];
	const char *found = NULL;

	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->field[i].name, name) != 0)
			continue;
		ck_assert_msg(!found, "field %s is there twice", name);
		ck_assert_uint_lt(m->field[i].len, sizeof(text));
		memcpy(text, m->field[i].value, m->field[i].len);
		text[m->field[i].len] = '\0';
		found = text;
	}
	return found ? found : "(absent)";
}

#define assert_value(m, name, want) ck_assert_str_eq(value_of(m, name), want)

static struct received in;

static struct record detection(const char *path)
{
	struct record r = {
		.seq = 42,
		.wall_usec = 1700000000000000,
		.spent_nsec = 12345,
		.dev = makedev(8, 1),
		.ino = 7,
		.size_bytes = 68,
		.pid = 4242,
		.uid = 33,
		.event = POLICY_OPEN,
		.action = RECORD_DENY,
		.verdict = VERDICT_MALICIOUS,
		.reason = REASON_EICAR,
		.flags = RECORD_SUBJECT | RECORD_SHA256 | RECORD_LOGGED,
		.generation = 3,
		.match = {"EICAR-Test-File", "site"},
		.unit = "php8.2-fpm.service",
		.exe = "/usr/bin/php",
	};

	memset(r.sha256, 0xab, sizeof(r.sha256));
	r.path_len = (uint32_t)strlen(path);
	memcpy(r.path, path, r.path_len);
	return r;
}

static struct record routine(void)
{
	struct record r = detection("/srv/clean");

	r.action = RECORD_ALLOW;
	r.verdict = VERDICT_CLEAN;
	r.reason = REASON_NONE;
	r.match.rule[0] = '\0';
	return r;
}

START_TEST(journal_record_detection_sends_every_field)
{
	static const char *const want[][2] = {
		{"MESSAGE", "deny path=/srv/upload/a rule=EICAR-Test-File member=3/1 exe=/usr/bin/php uid=33 "
		            "unit=php8.2-fpm.service pid=4242 verdict=malicious reason=eicar "
		            "policy=60-site.rules:7"},
		{"MESSAGE_ID", "08108e8f5601454dbbcbe5c4f1c57b80"},
		{"PRIORITY", "4"},
		{"SYSLOG_IDENTIFIER", "custosd"},
		{"SYSLOG_FACILITY", "10"},
		{"EVENT_ACTION", "file-open-denied"},
		{"EVENT_OUTCOME", "failure"},
		{"EVENT_KIND", "alert"},
		{"EVENT_CATEGORY", "malware"},
		{"EVENT_TYPE", "denied"},
		{"EVENT_SEQUENCE", "42"},
		{"EVENT_DURATION", "12345"},
		{"FILE_PATH", "/srv/upload/a"},
		{"FILE_INODE", "7"},
		{"FILE_DEVICE", "8:1"},
		{"FILE_SIZE", "68"},
		{"FILE_HASH_SHA256",
		 "abababababababababababababababababababababababababababababababab"},
		{"PROCESS_PID", "4242"},
		{"OBJECT_PID", "4242"},
		{"USER_ID", "33"},
		{"PROCESS_EXECUTABLE", "/usr/bin/php"},
		{"CUSTOS_UNIT", "php8.2-fpm.service"},
		{"RULE_NAME", "EICAR-Test-File"},
		{"RULE_RULESET", "site"},
		{"CUSTOS_MEMBER", "3/1"},
		{"CUSTOS_ACTION", "deny"},
		{"CUSTOS_VERDICT", "malicious"},
		{"CUSTOS_REASON", "eicar"},
		{"CUSTOS_POLICY", "60-site.rules:7"},
		{"CUSTOS_GENERATION", "3"},
		{"CUSTOS_TIME_USEC", "1700000000000000"},
		{"CUSTOS_CACHE", "miss"},
	};
	struct policy_line line = {.file = "60-site.rules", .line = 7};
	struct record r = detection("/srv/upload/a");
	struct journal *j;
	int fd;

	empty_run();
	fd = fake_journald();
	r.member = (struct member_place){2, {3, 1}};
	ck_assert_int_eq(journal_new(false, &j), 0);
	journal_record(j, &r, &line);
	ck_assert(receive(fd, &in));
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_value(&in, want[i][0], want[i][1]);
	/* Nothing but these: a field more would be a field nobody has documented. */
	ck_assert_uint_eq(in.n, ARRAY_SIZE(want));
	journal_free(j);
}
END_TEST

START_TEST(journal_record_forged_name_stays_one_field)
{
	static const char path[] = "/srv/x\nPRIORITY=0\nMESSAGE=all is well\n\x1b[2J\xff";
	struct record r = detection(path);
	struct journal *j;
	int fd;

	empty_run();
	fd = fake_journald();
	ck_assert_int_eq(journal_new(false, &j), 0);
	journal_record(j, &r, NULL);
	ck_assert(receive(fd, &in));
	assert_value(&in, "FILE_PATH", path);
	assert_value(&in, "PRIORITY", "4");
	assert_value(&in, "MESSAGE",
	             "deny path=\"/srv/x\\nPRIORITY=0\\nMESSAGE=all is well\\n\\x1b[2J\\xff\" "
	             "rule=EICAR-Test-File exe=/usr/bin/php uid=33 unit=php8.2-fpm.service "
	             "pid=4242 verdict=malicious reason=eicar");
	ck_assert_uint_eq(in.n, 30); /* all but CUSTOS_POLICY */
	journal_free(j);
}
END_TEST

START_TEST(journal_event_with_lines_sends_one_line_and_detail)
{
	struct journal *j;
	int fd;

	empty_run();
	fd = fake_journald();
	ck_assert_int_eq(journal_new(false, &j), 0);
	journal_event(j, JOURNAL_RELOAD_FAILED, LOG_ERR, "reload failed: %s", "a:1: x\nb:2: \x1by");
	journal_event(j, JOURNAL_STARTED, LOG_INFO, "started");
	ck_assert(receive(fd, &in));
	assert_value(&in, "MESSAGE", "reload failed: a:1: x\\nb:2: \\x1by");
	assert_value(&in, "CUSTOS_DETAIL", "reload failed: a:1: x\nb:2: \x1by");
	assert_value(&in, "PRIORITY", "3");
	assert_value(&in, "SYSLOG_FACILITY", "3");
	ck_assert(receive(fd, &in));
	assert_value(&in, "MESSAGE", "started");
	assert_value(&in, "CUSTOS_DETAIL", "(absent)");
	journal_free(j);
}
END_TEST

/* Read until the loss line, counting what came before by its EVENT_KIND. */
static void drain(int fd, unsigned *n_alerts, unsigned *n_events)
{
	*n_alerts = *n_events = 0;
	for (;;) {
		ck_assert_msg(receive(fd, &in), "no line about losses came");
		if (strcmp(value_of(&in, "EVENT_KIND"), "alert") == 0)
			(*n_alerts)++;
		else if (strcmp(value_of(&in, "EVENT_KIND"), "event") == 0)
			(*n_events)++;
		else
			break;
	}
}

START_TEST(journal_record_journald_stuck_never_waits_and_counts)
{
	struct record bad = detection("/srv/bad"), good = routine();
	unsigned n_alerts, n_events;
	struct journal_counts c;
	struct journal *j;
	nsec_t started;
	char want[32];
	int fd;

	empty_run();
	fd = fake_journald();
	ck_assert_int_eq(journal_new(false, &j), 0);
	started = clock_now();
	for (unsigned i = 0; i < 100000; i++)
		journal_record(j, &good, NULL);
	for (unsigned i = 0; i < 100000; i++)
		journal_record(j, &bad, NULL);
	ck_assert_uint_lt(clock_now() - started, NSEC_PER_SEC);

	journal_counts(j, &c);
	ck_assert_uint_ge(c.dropped_detections, 100000 - 2 * JOURNAL_DETECTIONS_MAX);
	ck_assert_uint_gt(c.suppressed, 100000 - 3 * JOURNAL_ROUTINE_PER_SEC);
	/* Journald wakes up: everything kept arrives, then one line with the rest. */
	drain(fd, &n_alerts, &n_events);
	ck_assert_uint_ge(n_alerts, JOURNAL_DETECTIONS_MAX);
	ck_assert_uint_eq(n_alerts + c.dropped_detections, 100000);
	ck_assert_uint_eq(n_events + c.dropped_routine + c.suppressed, 100000);
	(void)snprintf(want, sizeof(want), "%llu", (unsigned long long)c.dropped_detections);
	assert_value(&in, "CUSTOS_DROPPED_DETECTIONS", want);
	(void)snprintf(want, sizeof(want), "%llu",
	               (unsigned long long)(c.dropped_detections + c.dropped_routine));
	assert_value(&in, "CUSTOS_DROPPED", want);
	assert_value(&in, "MESSAGE_ID", "9eeb3bde69db41459b3216d7b63ec533");
	journal_free(j);
}
END_TEST

START_TEST(journal_record_routine_flood_displaces_no_detection)
{
	struct record bad = detection("/srv/bad"), good = routine();
	struct journal_counts c;
	struct journal *j;

	empty_run();
	(void)fake_journald();
	ck_assert_int_eq(journal_new(false, &j), 0);
	/* Slow enough to pass the rate limit: 6 s' worth of routine fills that ring for sure. */
	for (unsigned sec = 0; sec < 6; sec++) {
		for (unsigned i = 0; i < JOURNAL_ROUTINE_PER_SEC; i++)
			journal_record(j, &good, NULL);
		usleep(1050 * 1000);
	}
	for (unsigned i = 0; i < JOURNAL_DETECTIONS_MAX; i++)
		journal_record(j, &bad, NULL);
	journal_counts(j, &c);
	ck_assert_uint_gt(c.dropped_routine, 0);
	ck_assert_uint_eq(c.dropped_detections, 0);
	journal_free(j);
}
END_TEST

START_TEST(journal_free_journald_stuck_returns_in_time)
{
	struct record r = detection("/srv/bad");
	nsec_t started, spent;
	struct journal *j;

	empty_run();
	(void)fake_journald();
	ck_assert_int_eq(journal_new(false, &j), 0);
	for (unsigned i = 0; i < 100; i++)
		journal_record(j, &r, NULL);
	started = clock_now();
	journal_free(j);
	spent = clock_now() - started;
	ck_assert_uint_ge(spent, JOURNAL_FLUSH_NSEC / 2); /* it did try */
	ck_assert_uint_lt(spent, JOURNAL_FLUSH_NSEC + NSEC_PER_SEC);
}
END_TEST

START_TEST(journal_free_journald_reading_sends_all)
{
	struct record r = detection("/srv/bad");
	struct journal *j;
	int fd;

	empty_run();
	fd = fake_journald();
	ck_assert_int_eq(journal_new(false, &j), 0);
	for (unsigned i = 0; i < 5; i++) /* fits the socket's queue of ten */
		journal_record(j, &r, NULL);
	journal_free(j);
	for (unsigned i = 0; i < 5; i++)
		ck_assert(receive(fd, &in));
}
END_TEST

START_TEST(journal_record_before_journald_waits_for_its_socket)
{
	struct record r = detection("/srv/bad");
	struct journal_counts c;
	struct journal *j;
	int fd;

	empty_run();
	ck_assert_int_eq(journal_new(false, &j), 0);
	for (unsigned i = 0; i < JOURNAL_DETECTIONS_MAX + 1; i++)
		journal_record(j, &r, NULL);
	journal_counts(j, &c);
	ck_assert_uint_eq(c.dropped_detections, 1);
	ck_assert_uint_eq(c.sent, 0);
	fd = fake_journald();
	for (unsigned i = 0; i < JOURNAL_DETECTIONS_MAX; i++)
		ck_assert(receive(fd, &in));
	assert_value(&in, "FILE_PATH", "/srv/bad");
	ck_assert(receive(fd, &in));
	assert_value(&in, "CUSTOS_DROPPED", "1");
	journal_free(j);
}
END_TEST

START_TEST(journal_record_without_journald_prints_to_stderr)
{
	struct record r = detection("/srv/x\ny");
	char text[512];
	struct journal *j;
	int p[2], saved;
	ssize_t n;

	empty_run();
	ck_assert_int_eq(pipe2(p, O_CLOEXEC), 0);
	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	ck_assert_int_ge(dup2(p[1], STDERR_FILENO), 0);
	ck_assert_int_eq(journal_new(true, &j), 0);
	journal_record(j, &r, NULL);
	n = read(p[0], text, sizeof(text) - 1);
	journal_free(j);
	ck_assert_int_ge(dup2(saved, STDERR_FILENO), 0);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	ck_assert_str_eq(text, "custosd: deny path=\"/srv/x\\ny\" rule=EICAR-Test-File "
	                       "exe=/usr/bin/php uid=33 unit=php8.2-fpm.service pid=4242 "
	                       "verdict=malicious reason=eicar\n");
}
END_TEST

/* Leave libsystemd's socket no room, so that it has to pass the entry as a memfd. */
static void shrink_sender(int own_fd)
{
	int type, tiny = 1;
	socklen_t len = sizeof(type);

	for (int fd = 3; fd < 64; fd++)
		if (fd != own_fd &&
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM)
			ck_assert_int_eq(
				setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &tiny, sizeof(tiny)),
				0);
}

START_TEST(journal_record_larger_than_datagram_comes_as_memfd)
{
	static char path[4096];
	struct record r;
	struct journal *j;
	int fd;

	memset(path, '\n', sizeof(path) - 1);
	path[0] = '/';
	r = detection("/srv/first");
	empty_run();
	fd = fake_journald();
	ck_assert_int_eq(journal_new(false, &j), 0);
	journal_record(j, &r, NULL);
	ck_assert(receive(fd, &in));
	ck_assert(!in.by_fd);
	shrink_sender(fd);
	r = detection(path);
	journal_record(j, &r, NULL);
	ck_assert(receive(fd, &in));
	ck_assert(in.by_fd);
	assert_value(&in, "FILE_PATH", path);
	ck_assert_uint_eq(in.n, 30);
	journal_free(j);
}
END_TEST

UNIT_MAIN("journal", journal_record_detection_sends_every_field,
          journal_record_forged_name_stays_one_field,
          journal_event_with_lines_sends_one_line_and_detail,
          journal_record_journald_stuck_never_waits_and_counts,
          journal_record_routine_flood_displaces_no_detection,
          journal_free_journald_stuck_returns_in_time, journal_free_journald_reading_sends_all,
          journal_record_before_journald_waits_for_its_socket,
          journal_record_without_journald_prints_to_stderr,
          journal_record_larger_than_datagram_comes_as_memfd)
