/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds what the corpus breaks, by the script of its kind. */
#ifndef FERRY_HOST_CORPUS_BUILD_H
#define FERRY_HOST_CORPUS_BUILD_H

#include "cli/corpus-bug.h"

/*
 * Builds KIND with the PATCH, or unbroken if that is NULL; what the script says is appended to the
 * file LOG. Returns the folder of KVM's modules or the path of QEMU's program, which the caller
 * frees, or NULL and ERROR. NULL without ERROR after an interrupt.
 */
char *bug_kind_build(const struct bug_kind *kind, const char *patch, const char *log,
		     GError **error);

#endif
