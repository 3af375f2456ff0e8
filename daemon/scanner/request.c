/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests: descriptors sent by the supervisor (custosctl scan), judged by the same workers
 *
 * Owns: receiving one into a slot, and sending its result. Must not own: who asked.
 * recvmsg(2) writes the descriptor's number into the slot itself, as read(2) does for events.
 */
#include "daemon/scanner/scanner.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "custos/clock.h"

#include "daemon/scanner/unhold.h"

/* The keeper waits 5 s at most until it tells us (keeper/finish.c). */
#define LEAVE_LATER_MSEC 6000
#define HEIR_LOOK_MSEC   100

_Static_assert(CMSG_SPACE(sizeof(int)) <= SLOT_RAW_BYTES, "one descriptor fits");

static bool request_decode(struct slot *slot)
{
	const struct cmsghdr *c = (const struct cmsghdr *)slot->raw;

	if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return false;
	memcpy(&slot->fd, CMSG_DATA(c), sizeof(slot->fd));
	slot->pid = 0;
	slot->read_at = clock_now();
	slot->wall_usec = clock_wall_usec();
	return true;
}

bool scanner_decode(struct slot *slot)
{
	return slot->kind == SLOT_REQUEST ? request_decode(slot) : reader_decode(slot);
}

static void receive(struct scanner *sc, uint32_t *hint)
{
	struct slot *slot = scanner_take_slot(sc, hint);
	struct iovec iov = {.iov_base = &slot->request, .iov_len = sizeof(slot->request)};
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = slot->raw,
		.msg_controllen = CMSG_SPACE(sizeof(int)),
	};
	ssize_t n;

	/* Before the descriptor arrives: after a crash, this tells how to read `raw`. */
	slot->kind = SLOT_REQUEST;
	n = recvmsg(FD_REQUESTS, &mh, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n == sizeof(slot->request) && request_decode(slot)) {
		slot_hold(slot);
		scanner_queue(sc, scanner_job(sc, slot));
	} else {
		slot_untake(sc->slots, slot);
	}
}

/* Another pair has taken over, or nobody has come: keeper or anchor, if one lives, tells us to leave. */
static void outlive_supervisor(struct scanner *sc)
{
	struct pollfd pfd = {.fd = FD_HEIR, .events = POLLIN};

	unhold_all(sc->cfg.shared, &sc->cfg.cache); /* we may be the only one that is left */
	/* Hung up at once, as nobody writes: so it is looked at, not waited for. */
	for (unsigned i = 0; i < ORPHAN_PATIENCE_NSEC / NSEC_PER_MSEC / HEIR_LOOK_MSEC; i++) {
		if (poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN))
			break;
		(void)poll(NULL, 0, HEIR_LOOK_MSEC);
	}
	(void)poll(NULL, 0, LEAVE_LATER_MSEC);
	scanner_leave();
}

void *request_main(void *arg)
{
	struct scanner *sc = arg;
	struct pollfd pfd = {.fd = FD_REQUESTS, .events = POLLIN};
	uint32_t hint = N_SLOTS / 2;

	scanner_await_start(sc);
	/* No slot is held while we wait: a draining scanner ends when it holds none. The scanner
	 * that takes over shares this socket, so poll() may speak of a message it has taken. */
	while (!atomic_load(&sc->stop_reading) && !atomic_load(&sc->finish)) {
		(void)poll(&pfd, 1, -1); /* EINTR: look again */
		if (pfd.revents & (POLLHUP | POLLERR)) {
			atomic_store_explicit(&sc->supervisor_gone, true, memory_order_relaxed);
			outlive_supervisor(sc);
			break;
		}
		if ((pfd.revents & POLLIN) && !atomic_load(&sc->stop_reading))
			receive(sc, &hint);
	}
	return NULL;
}

void request_reply(struct scanner *sc, const struct slot *slot, const struct finding *f,
                   nsec_t spent)
{
	struct scan_result result = {
		.request = slot->request,
		.spent = spent,
		.finding = *f,
	};

	(void)sc;
	/* The supervisor keeps fewer requests out than fit into the socket; a reply that does not
	 * fit is one that nobody reads any more. */
	(void)send(FD_REQUESTS, &result, sizeof(result), MSG_DONTWAIT | MSG_NOSIGNAL);
}
