/* SPDX-License-Identifier: Apache-2.0 */
/* Admin socket: Varlink server for custosctl, varlinkctl and scripts */
#pragma once

/* Connections at once. Each costs a descriptor, and up to VARLINK_FDS_MAX more. */
#define SERVER_CONNECTIONS_MAX 64
/* Of these, only for uid 0: whatever others hold open, root gets in. */
#define SERVER_CONNECTIONS_ROOT 8
/* Per uid other than 0: one user does not keep another out. */
#define SERVER_CONNECTIONS_UID 8

/* Name under RUNTIME_DIR: sockets are named after their interface. */
#define SERVER_SOCKET_NAME "io.custos.Manager"
/* Members may observe. Without such a group only root may. */
#define SERVER_GROUP "custos"

struct manager;
struct varlink_server;

/**
 * server_new() - listen on @path and serve on the manager's event loop
 * @m:    borrowed; must outlive the server; its event, history, statistics and conf are
 * set
 * @path: of the socket; a stale socket there is replaced, a live one is not
 *
 * The socket is made 0660 root:custos, or 0600 without that group.
 *
 * Context: start-up, before marks are armed: uses NSS, and the JSON library opens
 * /dev/urandom once. Allocates.
 * Return: 0, -ENAMETOOLONG, -EADDRINUSE when someone answers there, or a negative
 * errno.
 */
int server_new(struct manager *m, const char *path, struct varlink_server **ret);

/* Close all connections, cancel their scans, remove the socket. Accepts NULL, returns
 * NULL. */
struct varlink_server *server_free(struct varlink_server *s);
void server_freep(struct varlink_server **s);

/**
 * server_add() - serve one connected socket
 * @fd: AF_UNIX stream, consumed, also on error
 *
 * Return: 0, -EUSERS when a limit on connections is reached, or a negative errno.
 */
int server_add(struct varlink_server *s, int fd);

/* Look the groups up again, after a reload of the configuration (OperatorGroup=). Uses
 * NSS. Peers already connected keep what they had. */
void server_resolve_groups(struct varlink_server *s);
