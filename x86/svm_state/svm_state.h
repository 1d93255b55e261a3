/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program svm_state share. */
#ifndef SVM_STATE_H
#define SVM_STATE_H

#include "nested/svm/svm.h"
#include "x86/nested/state.h"

/* L2's code: asks for a migration. */
void moved_in_l2(void *data);

#endif
