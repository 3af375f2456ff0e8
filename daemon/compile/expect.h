/* SPDX-License-Identifier: Apache-2.0 */
/* custos-compile: is a file still what a signed manifest says? */
#pragma once

#include "custos/diag.h"

/* @hex_path: "SHA256:PATH", 64 hexadecimal digits. Reads the whole file and looks at no
 * byte. Return: 0, -EINVAL (see @d), -ENOMEM, or -EBADMSG when @hex_path has another
 * form. */
int expect_file(const char *hex_path, struct diag *d);
