/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real server on a socket pair. The functions of manager.h, policy.h and conf.h
 * that it calls are doubles (server-fixture.c): what they do is another module's test.
 * The system tests run the whole.
 */
#pragma once

#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "custos/cleanup.h"
#include "custos/clock.h"
#include "history.h"
#include "server.h"
#include "statistics.h"

#define NOBODY 65534
#define N_POLICY_LINES 900 /* more than one reply holds */

struct request { /* what the doubles were asked */
	manager_scan_fn scan_done;
	void *scans[64];
	unsigned n_scans, n_cancelled, n_busy;
	unsigned flushes;
	manager_reload_fn reload_done;
	void *reload;
	enum mode mode;
	nsec_t ttl;
	char reason[64];
	struct quarantine_ask quarantine; /* its strings are gone: */
	char quarantine_id[64];
	manager_quarantine_fn quarantine_done;
	void *quarantine_data;
	struct bundle_ask bundle; /* likewise */
	char bundle_channel[64];
	manager_bundle_fn bundle_done;
	void *bundle_data;
	int bundle_result;
};

extern struct manager m;
extern struct request asked;
extern char socket_path[64];

void setup(void);
void teardown(void);
void turn(void);
int client(void);
int client_as(uid_t uid, gid_t gid);
void send_fds(int fd, const char *text, size_t len, const int *fds, unsigned n);
void call(int fd, const char *text);
json_t *reply(int fd);
bool is_closed(int fd);
void expect_error(int fd, const char *name);
json_t *member(json_t *root, const char *name);
unsigned count_fds(void);

#define CALL(name) "{\"method\":\"io.custos.Manager." name "\"}"
#define CALL_WITH(name, parameters)                                                    \
	"{\"method\":\"io.custos.Manager." name "\",\"parameters\":" parameters "}"
#define CALL_MORE(name, parameters)                                                    \
	"{\"method\":\"io.custos.Manager." name "\",\"parameters\":" parameters        \
	",\"more\":true}"
