/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command that runs a case of some results again. */
#ifndef FERRY_HOST_REPORT_COMMAND_H
#define FERRY_HOST_REPORT_COMMAND_H

#include "report/result.h"

/* How `ferry run` is told to use a VMM. An option that the VMM does not have is NULL. */
struct vmm_words {
	gboolean is_default; /* --vmm need not name it */
	/*
	 * The options that name its program, and the second one that guests migrate to. They are
	 * for programs that results name; run_again_words() gives the options of the others.
	 */
	const char *binary, *other_binary;
};

/*
 * Sets the function that tells command_again() how to name a VMM. In old results VMM may be NULL,
 * or a name that no VMM has any more. Without such a function --vmm names every VMM.
 */
void command_ask_for_vmms(struct vmm_words (*words_of)(const char *vmm));

/*
 * "ferry run kvmclock --plan precopy --host amd --seed 17": runs just the case of RESULT as it was
 * run. Words are quoted for a shell. The caller frees it.
 */
char *command_again(const struct result *result);

#endif
