/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes that run the file.
 *
 * Owns: one child process per route.
 * Must not own: printing of errno (report_errno).
 */
#include "routes.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum how { HOW_EXECVE, HOW_EXECVEAT };

static int report_status(int status)
{
	if (WIFSIGNALED(status))
		printf("signal %d\n", WTERMSIG(status));
	else
		printf("exit %d\n", WEXITSTATUS(status));
	return 0;
}

/* The child; never returns. A failed exec's errno goes up @error_fd. */
static void child_exec(enum how how, char *const argv[], int opath_fd, int error_fd)
{
	int err;

	if (how == HOW_EXECVE)
		execve(argv[0], argv, environ);
	else
		syscall(SYS_execveat, opath_fd, "", argv, environ, AT_EMPTY_PATH);
	err = errno;
	if (write(error_fd, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

static int run_child(enum how how, char *const argv[], int opath_fd)
{
	int pipe_fds[2], status, err;
	ssize_t n;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return setup_failed("pipe");
	pid = fork();
	if (pid < 0)
		return setup_failed("fork");
	if (pid == 0)
		child_exec(how, argv, opath_fd, pipe_fds[1]);
	close(pipe_fds[1]);
	n = read(pipe_fds[0], &err, sizeof(err));
	if (waitpid(pid, &status, 0) < 0)
		return setup_failed("waitpid");
	return n == sizeof(err) ? report_errno(err) : report_status(status);
}

static int run_exec(const char *file, const char *extra)
{
	char *argv[] = {(char *)file, NULL};

	return run_child(HOW_EXECVE, argv, -1);
}

static int run_execveat(const char *file, const char *extra)
{
	char *argv[] = {(char *)file, NULL};
	int fd = open(file,
	              O_PATH); /* no O_CLOEXEC: an interpreter must find it again */

	return fd < 0 ? setup_failed("open O_PATH") : run_child(HOW_EXECVEAT, argv, fd);
}

/* EXTRA: a script to write, outside of the watched file system, that names @file. */
static int run_interpreter(const char *file, const char *extra)
{
	char *argv[] = {(char *)extra, NULL};
	int fd = extra ? open(extra, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700)
	               : -1;

	if (fd < 0)
		return setup_failed("open the script");
	if (dprintf(fd, "#!%s\n", file) < 0)
		return setup_failed("write the script");
	close(fd);
	return run_child(HOW_EXECVE, argv, -1);
}

/* What a loader's own message says about the open it tried. */
static int report_loader_message(const char *message)
{
	if (strstr(message, "Operation not permitted"))
		return report_errno(EPERM);
	if (strstr(message, "Permission denied"))
		return report_errno(EACCES);
	if (strstr(message, "invalid ELF header") || strstr(message, "file too short"))
		return report_errno(ENOEXEC);
	fprintf(stderr, "open-routes: loader said: %s\n", message);
	return 2;
}

static int find_interp(struct dl_phdr_info *info, size_t size, void *data)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)data =
				(const char *)(info->dlpi_addr +
			                       info->dlpi_phdr[i].p_vaddr);
	return 1; /* the first object is the program itself */
}

/* The program loader run as a program: the kernel sees an open, not an exec. */
static int run_ldso(const char *file, const char *extra)
{
	const char *loader = NULL;
	char message[4096] = "";
	int pipe_fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	dl_iterate_phdr(find_interp, &loader);
	if (!loader || pipe(pipe_fds) < 0)
		return setup_failed("find the loader");
	pid = fork();
	if (pid == 0) {
		dup2(pipe_fds[1], STDERR_FILENO);
		setenv("LC_ALL", "C", 1);
		execl(loader, loader, file, (char *)NULL);
		_exit(126);
	}
	close(pipe_fds[1]);
	while (len < sizeof(message) - 1 &&
	       (n = read(pipe_fds[0], message + len, sizeof(message) - 1 - len)) > 0)
		len += (size_t)n;
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return setup_failed("run the loader");
	return WIFEXITED(status) && WEXITSTATUS(status) == 127
	               ? report_loader_message(message)
	               : report_status(status);
}

static int run_dlopen(const char *file, const char *extra)
{
	int (*marker)(void);
	void *library;

	setenv("LC_ALL", "C", 1);
	library = dlopen(file, RTLD_NOW);
	if (!library)
		return report_loader_message(dlerror());
	*(void **)&marker = dlsym(library, "route_marker");
	if (!marker)
		return report_loader_message(dlerror());
	printf("exit %d\n", marker());
	return 0;
}

/* An interpreter that opens the script as its argument. dash says why it could not. */
static int run_shell(const char *file, const char *extra)
{
	char command[4200];
	char message[4096] = "";
	FILE *shell;
	size_t len;
	int status;

	snprintf(command, sizeof(command), "LC_ALL=C /bin/sh '%s' 2>&1", file);
	shell = popen(command, "r");
	if (!shell)
		return setup_failed("popen");
	len = fread(message, 1, sizeof(message) - 1, shell);
	message[len] = '\0';
	status = pclose(shell);
	return strstr(message, "Operation not permitted") ||
	                       strstr(message, "cannot open")
	               ? report_errno(strstr(message, "Permission denied") ? EACCES
	                                                                   : EPERM)
	               : report_status(status);
}

const struct route routes_exec[] = {
	{"exec", run_exec, "execve(2)"},
	{"execveat", run_execveat, "execveat(2) on an O_PATH descriptor"},
	{"interpreter", run_interpreter, "run script EXTRA whose interpreter is FILE"},
	{"ldso", run_ldso, "ld.so FILE"},
	{"dlopen", run_dlopen, "dlopen(3)"},
	{"shell", run_shell, "sh FILE"},
	{NULL, NULL, NULL},
};
