/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry report --corpus`: a page of which cases notice which broken KVM or QEMU. */
#ifndef FERRY_HOST_CORPUS_PAGE_H
#define FERRY_HOST_CORPUS_PAGE_H

#include <glib.h>

#include "run/matrix.h"

/*
 * The page of BUGS (of struct bug), by what MATRIX holds of them, which may be empty. Of a patch
 * that it does not hold, VERDICTS (of struct verdict_line; NULL: there are none) tell what `ferry
 * corpus run` has found. The caller frees it.
 */
char *corpus_page(const GPtrArray *bugs, const struct matrix *matrix, const GPtrArray *verdicts);

#endif
