// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * svm_smm: SMIs that come to a CPU while its L2 runs, on SVM. What holds without nested paging is
 * in x86/nested/smm.c, and smm.h there tells what may go wrong.
 */
#include "nested/svm/svm.h"
#include "x86/nested/smm.h"

TEST(in_handler_npt, .needs = ALL_OF(SMP, L2, SVM_NPT),
     .about =
	     "a CPU whose L2 an SMI has interrupted goes on in the handler after an action, and RSM takes it back to L2 (nested paging)")
{
	static const struct smi_story story = { svm_use_npt, .smis = 1, .act_in_handler = true };

	smi_in_l2(&story);
}

TEST(after_handler_npt, .needs = ALL_OF(SMP, L2, SVM_NPT),
     .about =
	     "an L2 that goes on after an SMI survives an action, and L1 goes on behind its entry (nested paging)")
{
	static const struct smi_story story = { svm_use_npt, .smis = 3, .act_after = true };

	smi_in_l2(&story);
}
