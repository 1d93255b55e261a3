/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `ferry corpus run`: is each patch noticed by the cases that it names? */
#ifndef FERRY_HOST_CORPUS_CHECK_H
#define FERRY_HOST_CORPUS_CHECK_H

#include "cli/corpus-run.h"

/*
 * Runs the cases that BUGS (of struct bug) name, PASSES times with nothing patched and then with
 * each of the patches, and prints what came of it. Returns an enum exit_status.
 */
int corpus_check(struct corpus *corpus, GPtrArray *bugs, int passes);

#endif
