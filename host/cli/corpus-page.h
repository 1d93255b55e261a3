/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry report --corpus`: a page of which cases notice which broken KVM or QEMU. */
#ifndef FERRY_HOST_CORPUS_PAGE_H
#define FERRY_HOST_CORPUS_PAGE_H

#include <glib.h>

#include "run/matrix.h"

/*
 * The page of BUGS (of struct bug), by what MATRIX holds of them; it may be empty. The caller frees
 * it.
 */
char *corpus_page(const GPtrArray *bugs, const struct matrix *matrix);

#endif
