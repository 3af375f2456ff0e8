/* SPDX-License-Identifier: Apache-2.0 */
/* Bundle store: STATE_DIR/bundles/CHANNEL/SERIAL/, and in each channel the link
 * `current` */
#pragma once

#include "custos/bundle.h"
#include "custos/conf.h"

/* The one in force, and those to go back to. */
#define BUNDLE_GENERATIONS_KEPT 3
#define BUNDLE_CHANNELS_MAX     32

struct bundle_store {
	int fd; /* of STATE_DIR/bundles, which root alone can enter; -1 */
	char *path;
};

#define BUNDLE_STORE_NULL                                                              \
	{                                                                              \
		.fd = -1                                                               \
	}

/* Makes the folder if it is not there. Return: 0 or a negative errno. */
int bundle_store_open(const char *state_dir, struct bundle_store *ret);
void bundle_store_deinit(struct bundle_store *s);

struct bundle_channels {
	char name[BUNDLE_CHANNELS_MAX][BUNDLE_CHANNEL_MAX + 1]; /* sorted */
	size_t n;
};
/* Those that there are; more than BUNDLE_CHANNELS_MAX are left out. 0 or a negative
 * errno. */
int bundle_store_channels(const struct bundle_store *s, struct bundle_channels *ret);

/* Serials kept, oldest first; the caller frees *ret. 0 or a negative errno. */
int bundle_store_serials(const struct bundle_store *s, const char *channel,
                         int64_t **ret, size_t *ret_n);
int64_t bundle_store_current(const struct bundle_store *s,
                             const char *channel); /* 0: none */
/* fd >= 0 or a negative errno. */
int bundle_store_open_bundle(const struct bundle_store *s, const char *channel,
                             int64_t serial);

/* An empty folder for what comes in; what an earlier one left is removed. fd >= 0 or a
 * negative errno. */
int bundle_store_stage(const struct bundle_store *s);
/* Give it its place. -EEXIST: a bundle of this serial is in force; -EMLINK: too many
 * channels. */
int bundle_store_place(const struct bundle_store *s, const char *channel,
                       int64_t serial);
void bundle_store_unstage(const struct bundle_store *s);
/* Which one counts from now on: atomic, on disk when this returns. 0 or a negative
 * errno. */
int bundle_store_switch(const struct bundle_store *s, const char *channel,
                        int64_t serial);
void bundle_store_remove(const struct bundle_store *s, const char *channel,
                         int64_t serial);
/* Remove the oldest but the newest BUNDLE_GENERATIONS_KEPT and the current one. */
void bundle_store_prune(const struct bundle_store *s, const char *channel);

/**
 * bundle_store_state() - the ratchet, if need be made anew of the bundles that are here
 * @ret_lost: it was damaged, or missing although there are bundles
 *
 * What is made anew binds for what the bundles here are signed with; what came in
 * between and was removed since is forgotten, which the caller has to say. Return: 0 or
 * a negative errno.
 */
int bundle_store_state(const struct bundle_store *s, const struct bundle_keys *keys,
                       struct bundle_state *ret, bool *ret_lost);
