/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fixture of the server's tests
 *
 * Owns: a client's side, and the doubles. Must not own: test cases.
 */
#include "server-fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "custos/rules-report.h"

struct manager m;
struct request asked;
static char dir[] = "/tmp/test-server-XXXXXX";
char socket_path[64];

void setup(void)
{
	memset(&asked, 0, sizeof(asked));
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(socket_path, sizeof(socket_path), "%s/%s", dir, SERVER_SOCKET_NAME);
	ck_assert_int_ge(sd_event_new(&m.event), 0);
	ck_assert_int_eq(history_new(&m.history), 0);
	ck_assert_int_eq(statistics_new(&m.statistics), 0);
	m.policy = (struct policy *)&m; /* the doubles do not look */
	m.started = clock_now();
	ck_assert_int_eq(server_new(&m, socket_path, &m.server), 0);
	/* As an ordinary user too, the test may look and operate. */
	m.server->observers = m.server->operators = getegid();
}

void teardown(void)
{
	m.server = server_free(m.server);
	m.statistics = statistics_free(m.statistics);
	m.history = history_free(m.history);
	m.event = sd_event_unref(m.event);
	ck_assert_int_eq(rmdir(dir), 0); /* the socket is gone */
}

void turn(void)
{
	for (int i = 0; i < 20 && sd_event_run(m.event, 0) > 0; i++)
		;
}

int client(void)
{
	int fds[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
		0);
	(void)server_add(m.server, fds[1]);
	return fds[0];
}

/* A client with other credentials; needs root. */
int client_as(uid_t uid, gid_t gid)
{
	int fd;

	ck_assert_int_eq(setegid(gid), 0);
	ck_assert_int_eq(seteuid(uid), 0);
	fd = client();
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(setegid(0), 0);
	return fd;
}

void send_fds(int fd, const char *text, size_t len, const int *fds, unsigned n)
{
	union {
		char buf[CMSG_SPACE(64 * sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)text, .iov_len = len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n > 0) {
		struct cmsghdr *cm = &control.align;

		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, n * sizeof(int));
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(fd, &mh, MSG_NOSIGNAL), (ssize_t)len);
}

void call(int fd, const char *text)
{
	send_fds(fd, text, strlen(text) + 1, NULL, 0);
	turn();
}

/* The next reply; NULL when there is none. */
json_t *reply(int fd)
{
	_cleanup_(freep) char *buf = malloc(VARLINK_MESSAGE_MAX + 1);
	struct varlink_message r;
	size_t n = 0;
	json_t *root;

	for (;;) {
		ssize_t got = recv(fd, buf + n, VARLINK_MESSAGE_MAX + 1 - n, MSG_PEEK);
		char *end;

		if (got < 0 && n > 0) {
			turn();
			continue;
		}
		if (got <= 0)
			return NULL;
		end = memchr(buf + n, '\0', (size_t)got);
		got = recv(fd, buf + n, end ? (size_t)(end - buf) + 1 - n : (size_t)got,
		           0);
		n += (size_t)got;
		if (end)
			break;
	}
	ck_assert_int_eq(varlink_parse_reply(buf, n - 1, &r), 0);
	root = json_incref(r.root);
	varlink_message_deinit(&r);
	return root;
}

bool is_closed(int fd)
{
	char c;

	turn();
	return recv(fd, &c, 1, MSG_PEEK) == 0;
}

void expect_error(int fd, const char *name)
{
	json_t *r = reply(fd);

	ck_assert_ptr_nonnull(r);
	ck_assert_str_eq(json_string_value(json_object_get(r, "error")), name);
	json_decref(r);
}

/* A member of the reply's parameters, by dotted name; the reply lives on in *ret. */
json_t *member(json_t *root, const char *name)
{
	return json_object_get(json_object_get(root, "parameters"), name);
}

unsigned count_fds(void)
{
	_cleanup_(dir_closep) DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	return n;
}

/* --- doubles --- */

enum manager_state manager_state(const struct manager *manager)
{
	return STATE_ENFORCING;
}

const char *manager_state_name(enum manager_state s)
{
	return "enforcing";
}

size_t manager_reasons(const struct manager *manager, const char **reasons, size_t max)
{
	reasons[0] = "a reason";
	return 1;
}

void manager_pids(const struct manager *manager, struct manager_pids *ret)
{
	*ret = (struct manager_pids){.supervisor = 1, .keeper = 2, .anchor = 4, .scanner = 3};
}

void manager_counters(const struct manager *manager, struct manager_counters *ret)
{
	*ret = (struct manager_counters){.events = 5};
}

uint64_t manager_line_hits(const struct manager *manager, unsigned index)
{
	(void)manager;
	return 40 + index;
}

size_t manager_namespaces_max(const struct manager *manager)
{
	return 0;
}

size_t manager_coverage_n(const struct manager *manager)
{
	return 1;
}

void manager_coverage_row(const struct manager *manager, size_t i,
                          struct coverage_row *ret)
{
	*ret = (struct coverage_row){.mount_point = "/a\xff",
	                             .fs_type = "ext4",
	                             .state = "protected",
	                             .dev = 0x801};
}

int manager_reload(struct manager *manager, manager_reload_fn done, void *userdata)
{
	asked.reload_done = done;
	asked.reload = userdata;
	return 0;
}

void manager_flush_cache(struct manager *manager, uid_t by)
{
	asked.flushes++;
}

int manager_set_mode(struct manager *manager, enum mode mode, nsec_t ttl,
                     const char *reason, uid_t by)
{
	asked.mode = mode;
	asked.ttl = ttl;
	snprintf(asked.reason, sizeof(asked.reason), "%s", reason ? reason : "");
	return 0;
}

int manager_scan(struct manager *manager, int fd, const char *path,
                 manager_scan_fn done, void *userdata)
{
	close(fd);
	if (asked.n_busy > 0) {
		asked.n_busy--;
		return -EBUSY;
	}
	asked.scan_done = done;
	asked.scans[asked.n_scans++] = userdata;
	return 0;
}

int manager_quarantine(struct manager *manager, const struct quarantine_ask *ask,
                       manager_quarantine_fn done, void *userdata)
{
	asked.quarantine = *ask;
	snprintf(asked.quarantine_id, sizeof(asked.quarantine_id), "%s", ask->id ?: "");
	snprintf(asked.reason, sizeof(asked.reason), "%s", ask->reason ?: "");
	asked.quarantine_done = done;
	asked.quarantine_data = userdata;
	return 0;
}

void manager_quarantine_cancel(struct manager *manager, void *userdata)
{
	asked.n_cancelled++;
}

int manager_bundle(struct manager *manager, const struct bundle_ask *ask, manager_bundle_fn done,
                   void *userdata)
{
	asked.bundle = *ask;
	snprintf(asked.bundle_channel, sizeof(asked.bundle_channel), "%s", ask->channel ?: "");
	snprintf(asked.reason, sizeof(asked.reason), "%s", ask->reason ?: "");
	asked.bundle_done = done;
	asked.bundle_data = userdata;
	return asked.bundle_result;
}

void manager_bundle_cancel(struct manager *manager, void *userdata)
{
	asked.n_cancelled++;
}

uint64_t manager_rule_set_generation(const struct manager *manager, uint32_t i)
{
	return 40 + i;
}

const struct rules_report *manager_rules_report(const struct manager *manager)
{
	static struct rules_report r;

	if (r.n_rows > 0)
		return &r;
	rules_set_init(&r.sets[0].set, "site");
	r.sets[0].set.priority = 500;
	r.sets[0].set.log_only = true;
	r.sets[0].set.modules = 1U << RULES_ELF | 1U << RULES_MATH;
	r.sets[0].set.vars = 0;
	r.sets[0].n_files = 3;
	r.sets[0].n_left_out = 1;
	r.sets[0].n_rules = 7;
	memset(r.sets[0].id, 0xab, sizeof(r.sets[0].id));
	rules_set_init(&r.sets[1].set, "base");
	r.n_sets = 2;
	r.tried = (struct rules_tried){.n_stock = 3, .n_stock_all = 4, .n_rules = 9,
	                               .n_files = 2, .n_left_out = 1, .nsec = 7000000};
	(void)rules_report_add(&r, &(struct rules_row){.file = "/r/slow.yar", .rule = "",
	                                               .why = "", .nsec = 5000000});
	(void)rules_report_add(&r, &(struct rules_row){
		.file = "/r/slow.yar", .rule = "slow", .why = "", .line = 7, .windows = true,
		.nsec = 4000000});
	(void)rules_report_add(&r, &(struct rules_row){
		.file = "/r/bad\033.yar", .rule = "bad", .why = "rule bad matches /bin/sh",
		.line = 3, .state = RULES_UNFIT});
	return &r;
}

json_t *manager_bundles(const struct manager *manager)
{
	return json_pack("[{s:s, s:i}]", "channel", "base", "serial", 7);
}

const char *manager_bundles_text(const struct manager *manager, uint64_t generation)
{
	return generation ? "base=7" : "";
}

void manager_scan_cancel(struct manager *manager, void *userdata)
{
	asked.n_cancelled++;
}

static const struct policy_line line = {
	.action = POLICY_SCAN,
	.file = "/etc/p.rules",
	.line = 1,
	.reason = "why",
	.expires = 5,
	.text = "scan any on-match=deny on-error=allow"};

int manager_explain(struct manager *manager, int fd, const char *path, const char *exe,
                    uid_t uid, struct manager_explanation *ret)
{
	*ret = (struct manager_explanation){.covered = true,
	                                    .mark = "filesystem",
	                                    .line = &line,
	                                    .cached = true,
	                                    .verdict = VERDICT_CLEAN};
	return 0;
}

size_t policy_n_lines(const struct policy *p)
{
	return N_POLICY_LINES;
}

const struct policy_line *policy_line(const struct policy *p, size_t i)
{
	return &line;
}

int policy_digest(const struct policy *p, char ret_hex[65])
{
	memset(ret_hex, 'a', 64);
	ret_hex[64] = '\0';
	return 0;
}

const char *mode_name(enum mode mode)
{
	return mode == MODE_MONITOR ? "monitor" : "enforce";
}
