/* SPDX-License-Identifier: Apache-2.0 */
/* Service: what the service manager intends with us */
#pragma once

#include <stdbool.h>

/**
 * service_is_restarting() - are we being stopped only to be started again?
 *
 * Context: asked by SIGTERM; may block for a few seconds when the service manager does not answer. Return: false
 * also when there is none, or it does not say.
 */
bool service_is_restarting(void);
