/* SPDX-License-Identifier: Apache-2.0 */
/* Client: calls to the daemon, blocking */
#pragma once

#include "ctl.h"

/* The daemon answers from memory; more means that it hangs. */
#define CLIENT_TIMEOUT_MSEC 10000

struct client {
	int fd;    /* -1 when not connected */
	char *buf; /* bytes received, owned */
	size_t len, size;
	size_t used; /* of the last message */
};

#define CLIENT_NULL                                                                    \
	{                                                                              \
		.fd = -1                                                               \
	}

/* Connect. Return: CTL_OK, or CTL_NOT_RUNNING, CTL_DENIED, CTL_TIMEOUT, CTL_ERROR after
 * a message that says what to do. */
int client_open(struct client *c, const struct ctl *ctl);
void client_deinit(struct client *c);
/* Does anybody listen? Says nothing. */
bool client_is_served(const struct ctl *ctl);

/**
 * client_send() - send one call
 * @method:     name within io.custos.Manager
 * @parameters: consumed; NULL = none
 * @fds:        borrowed
 */
int client_send(struct client *c, const char *method, json_t *parameters,
                unsigned flags, const int *fds, unsigned n_fds);

/**
 * client_receive() - wait for one reply that is not an error
 * @timeout_msec: -1 = for ever
 * @ret:          set for CTL_OK; varlink_message_deinit() it
 *
 * Return: CTL_OK, or after a message an exit code that fits.
 */
int client_receive(struct client *c, int timeout_msec, struct varlink_message *ret);

/* Connect, one call, one reply. @ret_parameters: caller's reference. */
int client_call(const struct ctl *ctl, const char *method, json_t *parameters,
                int timeout_msec, json_t **ret_parameters);
/* The same with one descriptor. */
int client_call_fd(const struct ctl *ctl, const char *method, json_t *parameters,
                   int fd, int timeout_msec, json_t **ret_parameters);
