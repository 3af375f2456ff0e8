/* SPDX-License-Identifier: Apache-2.0 */
/* Compile: runs custos-compile, which turns the configured rules into one sealed image */
#pragma once

#include <systemd/sd-event.h>

#include "custos/conf.h"
#include "custos/ruleset.h"

struct compile;

/* @image_fd: sealed memory, consumed by the callee; -1 when @error (text of every error) is set. */
typedef void (*compile_fn)(void *userdata, int image_fd, const struct ruleset_counts *counts,
                           const char *error);

/**
 * compile_start() - start compiling in a sandboxed child
 * @own_pid: where the child enters its pid; see spawn()
 * @done:    called once from the event loop, after which *ret is gone
 */
int compile_start(sd_event *event, const struct conf *conf, uid_t uid, gid_t gid,
                  _Atomic uint32_t *own_pid, compile_fn done, void *userdata,
                  struct compile **ret);
struct compile *compile_free(struct compile *c); /* kills a child that still runs */
