/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: Varlink messages
 *
 * What parses must survive being written and parsed again, with the same meaning.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "custos/varlink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_call(const char *text, size_t len)
{
	struct varlink_message m = {0}, again = {0};
	char *out = NULL;
	size_t out_len;

	if (varlink_parse_call(text, len, &m) < 0)
		return;
	/* Escapes can make the output longer than the input: -EMSGSIZE is no error. */
	if (varlink_build_call(m.method, m.parameters, m.flags, &out, &out_len) == 0) {
		if (varlink_parse_call(out, out_len - 1, &again) < 0 ||
		    strcmp(m.method, again.method) != 0 ||
		    !json_equal(m.parameters, again.parameters))
			abort();
	}
	free(out);
	varlink_message_deinit(&again);
	varlink_message_deinit(&m);
}

static void check_reply(const char *text, size_t len)
{
	struct varlink_message m = {0}, again = {0};
	char *out = NULL;
	size_t out_len;

	if (varlink_parse_reply(text, len, &m) < 0)
		return;
	if (varlink_build_reply(m.error, m.parameters, m.flags, &out, &out_len) == 0) {
		if (varlink_parse_reply(out, out_len - 1, &again) < 0 ||
		    m.flags != again.flags ||
		    !json_equal(m.parameters, again.parameters))
			abort();
	}
	free(out);
	varlink_message_deinit(&again);
	varlink_message_deinit(&m);
}

static void check_bytes(const char *bytes, size_t len)
{
	json_t *object = json_object();

	if (varlink_set_bytes(object, "path", bytes, len) < 0 ||
	    !json_is_string(json_object_get(object, "path")))
		abort();
	json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t len;

	if (varlink_find_end(text, size, &len) < 0)
		len = size;
	check_call(text, len);
	check_reply(text, len);
	check_bytes(text, size);
	return 0;
}
