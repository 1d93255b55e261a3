/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cases of the corpus on unbroken KVM and QEMU. A failure there is a false alarm. */
#ifndef FERRY_HOST_CORPUS_UNBROKEN_H
#define FERRY_HOST_CORPUS_UNBROKEN_H

#include "cli/corpus-check.h"

/*
 * Runs all cases that the patches name, in each place that they name, and prints and keeps what
 * comes of it. PASS is a number from 1. Returns how many cases failed, or -1 if they could not be
 * run, of which it has told the user.
 */
int unbroken_run(struct checking *checking, int pass);

#endif
