/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the program svm_memory share. */
#ifndef SVM_MEMORY_H
#define SVM_MEMORY_H

#include "nested/svm/svm.h"
#include "x86/nested/memory-world.h"

/* An entry of the nested tables with all rights (15.25.5). */
#define NPT_PAGE (PT_PRESENT_MASK | PT_WRITABLE_MASK | PT_USER_MASK)
/* EXITINFO1 of a nested page fault that is not met in the walk of L2's own tables (15.25.6). */
#define FINAL (NPF_FINAL_ADDRESS | PFERR_USER_MASK)

/* Flushes all ASIDs at the next VMRUN. */
void flush_all_asids(struct l2 *l2);

#endif
