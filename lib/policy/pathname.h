/* SPDX-License-Identifier: Apache-2.0 */
/* Absolute, normalised path names */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Why @path is not one ("is not absolute", "contains '..'"), or NULL if it is. A
 * trailing slash is not normalised: cut it with pathname_trim() first. Pure. */
const char *pathname_error(const char *path);

/* Length of @path without trailing slashes; "/" stays. */
size_t pathname_trim(const char *path);

/* Is the path @path of @len bytes @dir itself or below it? Both normalised; /a does not
 * hold /ab. */
bool pathname_within(const char *dir, size_t dir_len, const char *path, size_t len);
