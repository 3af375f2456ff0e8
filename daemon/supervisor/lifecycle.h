/* SPDX-License-Identifier: Apache-2.0 */
/* Life of the supervisor, for main() */
#pragma once

#include <systemd/sd-event.h>

struct manager_options {
	const char *config_root; /* NULL: the usual lookup */
	const char *runtime_dir;
	const char *state_dir;
	char *const *argv;       /* as main() got it, for the version that takes over */
};

/* Start, serve, stop. Return: the exit code (interface.md: 0 stopped, 1 failed, 78 configuration). */
int manager_run(const struct manager_options *options);

/* SIGTERM, SIGINT */
struct signalfd_siginfo;
int manager_on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *si,
                           void *userdata);

/* --check-config: read everything, compile the rules, print every error. Return: 0 or 78. */
int manager_check_config(const char *config_root);
