/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory
 *
 * Owns: its size and first contents. Must not own: the layout (daemon/shared.h).
 */
#include "daemon/supervisor/memory.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "custos/cleanup.h"
#include "custos/shm.h"

#include "daemon/shared.h"
#include "daemon/supervisor/manager.h"

/* CacheMemory= as configured now; fixed until we end, because two scanners may share the cache at any
 * time. An error is told by the first load, which reads it all again. */
static size_t cache_limit(const struct manager *m)
{
	_cleanup_(diag_deinit) struct diag d = DIAG_NULL;
	_cleanup_(conf_deinit) struct conf conf;

	conf_init(&conf);
	(void)conf_load(m->config_root, &conf, &d);
	return (size_t)conf.cache_memory_bytes;
}

int memory_new(struct manager *m)
{
	size_t bytes;

	m->cache_limit_bytes = cache_limit(m);
	bytes = SHARED_CACHE_START + cache_bytes(m->cache_limit_bytes);
	m->shared_fd = shm_new("custos-shared", bytes, (void **)&m->shared);
	if (m->shared_fd < 0)
		return m->shared_fd;
	m->shared->layout = SHARED_LAYOUT;
	if (getrandom(&m->shared->cache_seed, sizeof(m->shared->cache_seed), 0) < 0)
		return -errno;
	shared_cache(m->shared, bytes, &m->cache);
	slots_init(shared_slots(m->shared), N_SLOTS);
	ring_init(shared_detections(m->shared), DETECTION_CELLS, sizeof(struct record));
	ring_init(shared_routine(m->shared), ROUTINE_CELLS, sizeof(struct record));
	ring_init(shared_wishes(m->shared), WISH_CELLS, sizeof(struct hold_wish));
	atomic_store(&m->shared->own_pids[0], (uint32_t)getpid());
	m->facts_kick = eventfd(0, EFD_CLOEXEC);
	m->audit_kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->hold_kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return m->facts_kick < 0 || m->audit_kick < 0 || m->hold_kick < 0 ? -errno : 0;
}
