/* SPDX-License-Identifier: Apache-2.0 */
/* Interface texts: the files in idl/ as strings, made by the build */
#pragma once

extern const char idl_manager[]; /* io.custos.Manager */
extern const char idl_service[]; /* org.varlink.service */
