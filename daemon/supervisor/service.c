/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service
 *
 * Owns: the question whether a stop is the first half of a restart. Must not own: what follows from it.
 *
 * SIGTERM looks the same in both cases. The job of our unit does not: its type is "restart" until it has been
 * stopped (org.freedesktop.systemd1(5)). Asked on systemd's own socket, because a bus may not run this early.
 */
#include "daemon/supervisor/service.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-login.h>

#include "custos/cleanup.h"
#include "custos/clock.h"

#define MANAGER_ADDRESS "unix:path=/run/systemd/private"
#define MANAGER_NAME    "org.freedesktop.systemd1"
#define ANSWER_USEC     USEC_PER_SEC

static int connect_manager(sd_bus **ret)
{
	int r = sd_bus_new(ret);

	if (r >= 0)
		r = sd_bus_set_address(*ret, MANAGER_ADDRESS);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(*ret, ANSWER_USEC);
	return r < 0 ? r : sd_bus_start(*ret);
}

/* Object path of the job our unit has; malloc'ed, NULL: none. */
static char *job_of(sd_bus *bus, const char *unit_path)
{
	sd_bus_message *reply = NULL;
	const char *path = NULL;
	uint32_t id = 0;
	char *job = NULL;

	if (sd_bus_get_property(bus, MANAGER_NAME, unit_path, MANAGER_NAME ".Unit", "Job", NULL,
	                        &reply, "(uo)") >= 0 &&
	    sd_bus_message_read(reply, "(uo)", &id, &path) >= 0 && id != 0)
		job = strdup(path);
	(void)sd_bus_message_unref(reply);
	return job;
}

static bool job_is_restart(sd_bus *bus, const char *unit)
{
	_cleanup_(freep) char *unit_path = NULL, *job = NULL, *type = NULL;

	if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &unit_path) < 0)
		return false;
	job = job_of(bus, unit_path);
	return job &&
	       sd_bus_get_property_string(bus, MANAGER_NAME, job, MANAGER_NAME ".Job", "JobType",
	                                  NULL, &type) >= 0 &&
	       strcmp(type, "restart") == 0;
}

bool service_is_restarting(void)
{
	_cleanup_(freep) char *unit = NULL;
	sd_bus *bus = NULL;
	bool restarting = false;

	if (!getenv("NOTIFY_SOCKET") || sd_pid_get_unit(0, &unit) < 0)
		return false;
	if (connect_manager(&bus) >= 0)
		restarting = job_is_restart(bus, unit);
	(void)sd_bus_close_unref(bus);
	return restarting;
}
