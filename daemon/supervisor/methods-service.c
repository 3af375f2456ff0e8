/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Methods: org.varlink.service
 *
 * Owns: what introspection says.
 * Must not own: the interface texts (idl/; they are served as they are installed).
 */
#include <string.h>

#include "idl.h"
#include "methods.h"

static const struct {
	const char *name;
	const char *text;
} interfaces[] = {
	{"org.varlink.service", idl_service},
	{"io.custos.Manager", idl_manager},
};

void method_get_info(struct connection *c, json_t *parameters)
{
	json_t *names = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++)
		(void)json_array_append_new(
			names, json_string(interfaces[i].name)); /* short list */
	call_reply(c,
	           json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", "custos", "product",
	                     "custos", "version", CUSTOS_VERSION, "url",
	                     "man:custosctl(1)", "interfaces", names),
	           false);
}

void method_get_interface_description(struct connection *c, json_t *parameters)
{
	const char *name = param_string(parameters, "interface");

	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++) {
		if (strcmp(name, interfaces[i].name) == 0) {
			call_reply(
				c,
				json_pack("{s:s}", "description", interfaces[i].text),
				false);
			return;
		}
	}
	call_error(c, "org.varlink.service.InterfaceNotFound",
	           json_pack("{s:s}", "interface", name));
}
