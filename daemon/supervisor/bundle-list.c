/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles: those in force as JSON
 *
 * Owns: the form of the interface's type Bundle. Must not own: what is in force (bundles.c).
 */
#include <jansson.h>
#include <stdlib.h>

#include "custos/cleanup.h"

#include "daemon/supervisor/bundles-internal.h"

static json_t *signers_json(const struct bundle *bundle)
{
	json_t *list = json_array();
	char id[SIGNATURE_ID_TEXT];

	for (unsigned i = 0; i < bundle->n_signers; i++) {
		signature_id_text(bundle->signers[i].id, id);
		(void)json_array_append_new(list,
		                            json_string(id)); /* no memory: fewer */
	}
	return list;
}

static json_t *kept_json(const struct bundles *b, const char *channel)
{
	_cleanup_(freep) int64_t *serials = NULL;
	json_t *list = json_array();
	size_t n = 0;

	if (bundle_store_serials(&b->store, channel, &serials, &n) == 0)
		for (size_t i = 0; i < n; i++) /* no memory: fewer */
			(void)json_array_append_new(
				list, json_integer((json_int_t)serials[i]));
	return list;
}

json_t *manager_bundles(const struct manager *m)
{
	const struct bundles *b = m->bundles;
	json_t *list = json_array();

	for (size_t i = 0; i < b->in_force.n; i++) {
		const struct bundle_use *u = &b->in_force.uses[i];
		const struct bundle_manifest *mf = &u->bundle.manifest;
		json_t *one = json_pack("{s:s, s:I, s:b, s:b, s:o, s:o}", "channel",
		                        u->channel, "serial", (json_int_t)u->serial,
		                        "used", !u->error, "trusted", u->trusted,
		                        "keyIds", signers_json(&u->bundle), "kept",
		                        kept_json(b, u->channel));

		if (!u->error)
			(void)json_object_set_new(
				one, "created",
				json_integer(mf->created_sec * 1000000));
		if (!u->error && mf->expires_sec)
			(void)json_object_set_new(
				one, "expires",
				json_integer(mf->expires_sec * 1000000));
		(void)json_array_append_new(list, one); /* no memory: fewer */
	}
	return list;
}
