/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the patches of the corpus are about, for the score. */
#ifndef FERRY_HOST_CORPUS_AREA_H
#define FERRY_HOST_CORPUS_AREA_H

#include "cli/corpus-bug.h"

/* The areas, in the order of the score: "nested SVM", ... The last is NULL. */
extern const char *const corpus_areas[];

/* One of the areas, by the beginning of the patch's name; NULL if the table has none for it. */
const char *corpus_area_of(const char *patch);

#endif
