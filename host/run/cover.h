/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which patches of the corpus a growing set of cases notices, by the matrix. Code that chooses
 * cases takes the one that notices most in a second, again and again (greedy set cover).
 */
#ifndef FERRY_HOST_RUN_COVER_H
#define FERRY_HOST_RUN_COVER_H

#include "run/matrix.h"

struct cover;

/* No case is chosen yet. MATRIX outlives the cover, which the caller frees. */
struct cover *cover_new(const struct matrix *matrix);
void cover_free(struct cover *cover);

void cover_choose(struct cover *cover, const char *case_name);

/* How many patches are noticed by the cases that were chosen, and by all that were measured. */
guint cover_caught(const struct cover *cover);
guint cover_total(const struct cover *cover);

/* How many patches the case notices that no chosen case does. */
guint cover_gain(const struct cover *cover, const char *case_name);

/*
 * The patches that the case notices, sorted; NULL if it notices none. The array and its strings
 * belong to the cover.
 */
const GPtrArray *cover_patches(const struct cover *cover, const char *case_name);

#endif
