/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compile
 *
 * Owns: the custos-compile child, what it prints, and the memory it writes the image into.
 * Must not own: rule text; this process never parses any.
 * Hands off to: the callback, with a sealed image or with every error.
 */
#include "daemon/supervisor/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/image.h"
#include "custos/text.h"

#include "daemon/supervisor/compile-args.h"
#include "daemon/supervisor/spawn.h"

#define OUTPUT_MAX (64 * 1024) /* of errors; DIAG_KEPT_MAX lines fit */
#define CHILD_FDS  7
#define END_MSEC   500 /* a killed process is usually gone in less than one */

struct output {
	int fd;
	size_t len;
	char text[OUTPUT_MAX + 1];
	sd_event_source *io;
};

struct compile {
	pid_t pid;
	int image_fd;
	int bulk_out_fd, bulk_fd; /* a new one, and that of the caller; -1: none */
	struct output out, err;
	sd_event_source *child;
	_Atomic uint32_t *own_pid;
	compile_fn done;
	void *userdata;
};

/* Read what there is; what does not fit is read and dropped, so that the child never blocks. */
static void take_output(struct output *o)
{
	char spill[4096];
	ssize_t n;

	for (;;) {
		size_t room = OUTPUT_MAX - o->len;

		n = room ? read(o->fd, o->text + o->len, room) : read(o->fd, spill, sizeof(spill));
		if (n <= 0)
			break;
		if (room)
			o->len += (size_t)n;
	}
	o->text[o->len] = '\0';
	if (n == 0)
		o->io = sd_event_source_disable_unref(o->io);
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	take_output(userdata);
	return 0;
}

enum bulk_used {
	BULK_NONE,
	BULK_NEW,
	BULK_SAME,
};

/* The first lines were written before a rule was read, the bulk was sealed by then, and only the first ones count. */
static bool parse_output(const char *text, struct compile_result *ret, enum bulk_used *ret_bulk)
{
	struct ruleset_counts *c = &ret->counts;
	char note[16] = "", bulk[5] = "";
	int n;

	*ret_bulk = BULK_NONE;
	if (strncmp(text, "key=", 4) != 0)
		return false;
	for (unsigned i = 0; i < sizeof(ret->key); i++)
		if (sscanf(text + 4 + 2 * i, "%2hhx", &ret->key[i]) != 1)
			return false;
	text += 4 + 2 * sizeof(ret->key);
	if (sscanf(text, "\nsource=%64[0-9a-f]%n", ret->source, &n) == 1)
		text += n;
	if (sscanf(text, "\nbulk=%4[a-z]:%64[0-9a-f-]%n", bulk, ret->bulk_source, &n) == 2)
		text += n;
	if (*bulk)
		*ret_bulk = strcmp(bulk, "new") == 0 ? BULK_NEW : BULK_SAME;
	n = sscanf(text, "\nyara=%" SCNu64 " hashes=%" SCNu64 " allow=%" SCNu64 "%15s",
	           &c->n_yara, &c->n_hashes, &c->n_allow_hashes, note);
	ret->keep = n == 3; /* else "kept", "changed", "unfit" or "bulk" */
	return n >= 3;
}

/* Without a word of its own: by which file? The caller frees; NULL: no memory. */
static char *end_of_child(const struct compile *c, const siginfo_t *si)
{
	const char *how = si->si_code == CLD_EXITED ? "exited with status" : "was ended by signal";
	const char *name = si->si_code == CLD_EXITED ? NULL : strsignal(si->si_status);
	char at[sizeof(struct image_header)];
	_cleanup_(freep) char *file = NULL;
	char *why = NULL;

	if (image_at_read(c->image_fd, at))
		file = text_escape(at, strlen(at));
	if (asprintf(&why, "%s%scustos-compile %s %d%s%s%s without a word%s", file ? file : "",
	             file ? ": " : "", how, si->si_status, name ? " (" : "", name ? name : "",
	             name ? ")" : "", file ? " while it had this file in work" : "") < 0)
		return NULL;
	return why;
}

static int on_exit_of_child(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct compile *c = userdata;
	struct compile_result result = {.image_fd = -1, .bulk_fd = -1};
	_cleanup_(freep) char *why = NULL;
	enum bulk_used bulk;
	const char *error = NULL;

	(void)source;
	if (c->own_pid)
		atomic_store(c->own_pid, 0);
	c->pid = 0;
	take_output(&c->out);
	take_output(&c->err);
	if (si->si_code == CLD_EXITED && si->si_status == 0) {
		if (!parse_output(c->out.text, &result, &bulk))
			error = "custos-compile said nothing that can be understood";
	} else if (c->err.len > 0) {
		while (c->err.len && c->err.text[c->err.len - 1] == '\n')
			c->err.text[--c->err.len] = '\0';
		error = c->err.text;
	} else {
		why = end_of_child(c, si);
		error = why ? why : "custos-compile ended without a word";
	}
	if (!error) {
		result.image_fd = fd_take(&c->image_fd);
		if (bulk != BULK_NONE)
			result.bulk_fd = fd_take(bulk == BULK_NEW ? &c->bulk_out_fd : &c->bulk_fd);
	}
	c->done(c->userdata, &result, error);
	(void)compile_free(c);
	return 0;
}

static size_t add_fds(struct spawn_fd fds[CHILD_FDS], size_t n, const struct compile *c,
                      const struct compile_more *more)
{
	fds[n++] = (struct spawn_fd){c->bulk_out_fd, COMPILE_BULK_OUT_FD};
	if (c->bulk_fd >= 0)
		fds[n++] = (struct spawn_fd){c->bulk_fd, COMPILE_BULK_FD};
	if (more && more->kept_fd >= 0)
		fds[n++] = (struct spawn_fd){more->kept_fd, COMPILE_KEPT_FD};
	if (more && more->reuse_fd >= 0)
		fds[n++] = (struct spawn_fd){more->reuse_fd, COMPILE_REUSE_FD};
	return n;
}

static pid_t run(struct compile *c, const struct conf *conf, const struct compile_more *more,
                 uid_t uid, gid_t gid, const int fds_of_child[2])
{
	_cleanup_(freep) char *program = helper_path("custos-compile");
	_cleanup_(compile_args_deinit) struct compile_args args = COMPILE_ARGS_NULL;
	const struct compile_ids ids = {program, uid, gid, c->bulk_fd >= 0};
	struct spawn_fd fds[CHILD_FDS] = {
		{fds_of_child[0], 1}, {fds_of_child[1], 2}, {c->image_fd, COMPILE_IMAGE_FD}};
	const size_t n_fds = add_fds(fds, 3, c, more);

	if (!program || compile_args_make(&ids, conf, more, &args) < 0)
		return -ENOMEM;
	return spawn(program, args.argv, fds, n_fds, c->own_pid);
}

static int watch(struct compile *c, sd_event *event)
{
	int r = sd_event_add_io(event, &c->out.io, c->out.fd, EPOLLIN, on_output, &c->out);

	if (r >= 0)
		r = sd_event_add_io(event, &c->err.io, c->err.fd, EPOLLIN, on_output, &c->err);
	if (r >= 0)
		r = sd_event_add_child(event, &c->child, c->pid, WEXITED, on_exit_of_child, c);
	return r < 0 ? r : 0;
}

static int launch(struct compile *c, sd_event *event, const struct conf *conf,
                  const struct compile_more *more, uid_t uid, gid_t gid)
{
	int out[2], err[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		return -errno;
	c->out.fd = out[0];
	if (pipe2(err, O_CLOEXEC) < 0) {
		(void)close(out[1]);
		return -errno;
	}
	c->err.fd = err[0];
	/* Only our ends: the child's writes may block, that holds up nobody else. */
	(void)fcntl(out[0], F_SETFL, O_NONBLOCK);
	(void)fcntl(err[0], F_SETFL, O_NONBLOCK);
	c->pid = run(c, conf, more, uid, gid,
	             (const int[2]){out[1], err[1]});
	(void)close(out[1]);
	(void)close(err[1]);
	return c->pid < 0 ? c->pid : watch(c, event);
}

int compile_start(sd_event *event, const struct conf *conf, const struct compile_more *more,
                  uid_t uid, gid_t gid, _Atomic uint32_t *own_pid, compile_fn done,
                  void *userdata, struct compile **ret)
{
	struct compile *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->own_pid = own_pid;
	c->done = done;
	c->userdata = userdata;
	c->out.fd = c->err.fd = c->bulk_fd = -1;
	c->image_fd = memfd_create("custos-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	c->bulk_out_fd = memfd_create("custos-bulk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (more && more->bulk_fd >= 0) /* -1: made anew */
		c->bulk_fd = fcntl(more->bulk_fd, F_DUPFD_CLOEXEC, 0);
	r = c->image_fd < 0 || c->bulk_out_fd < 0 ? -errno : launch(c, event, conf, more, uid, gid);
	if (r < 0) {
		(void)compile_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

/* One that reads a file whose server does not answer cannot be killed until that does. It has nothing of ours to lose. */
static void end_child(pid_t pid)
{
	_cleanup_(fd_closep) int fd = pidfd_open(pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)kill(pid, SIGKILL);
	if (fd >= 0)
		(void)poll(&p, 1, END_MSEC);
	(void)waitpid(pid, NULL, WNOHANG);
}

pid_t compile_pid(const struct compile *c)
{
	return c->pid;
}

struct compile *compile_free(struct compile *c)
{
	if (!c)
		return NULL;
	c->child = sd_event_source_disable_unref(c->child);
	c->out.io = sd_event_source_disable_unref(c->out.io);
	c->err.io = sd_event_source_disable_unref(c->err.io);
	if (c->pid > 0)
		end_child(c->pid);
	(void)fd_close(c->out.fd);
	(void)fd_close(c->err.fd);
	(void)fd_close(c->image_fd);
	(void)fd_close(c->bulk_out_fd);
	(void)fd_close(c->bulk_fd);
	free(c);
	return NULL;
}
