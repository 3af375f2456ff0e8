/* SPDX-License-Identifier: Apache-2.0 */
/* Broker: looks up who opens, for the scanner that may not */
#pragma once

#include "daemon/shared.h"

struct broker;

/**
 * broker_new() - start the broker thread
 * @shared:  facts are asked for and answered there
 * @kick_fd: eventfd the scanner writes to; borrowed
 *
 * The thread shares nothing with the event loop and with libsystemd: a journald or PID 1 that is
 * stuck cannot keep a worker waiting (architecture.md §2).
 */
int broker_new(struct shared *shared, int kick_fd, struct broker **ret);
struct broker *broker_free(struct broker *b);

/* Fill in @f for process @pid from /proc: false when it is gone. Also used for statistics. */
bool broker_look_up(pid_t pid, struct facts *f);
