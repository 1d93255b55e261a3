// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of VMMs. A new VMM is a folder that defines `struct vmm NAME_vmm`, and a word here. */
#include "util/text.h"
#include "vmm/vmm.h"

/* The first is the default. */
#define FOR_EACH_VMM(x) x(qemu) x(native)

#define DECLARE(name) extern const struct vmm name##_vmm;
#define ADDRESS(name) &name##_vmm,

FOR_EACH_VMM(DECLARE)

const struct vmm *const vmms[] = { FOR_EACH_VMM(ADDRESS) NULL };

const struct vmm *vmm_find(const char *name, GError **error)
{
	g_autoptr(GString) known = g_string_new(NULL);

	for (const struct vmm *const *vmm = vmms; *vmm; vmm++) {
		if (g_str_equal((*vmm)->name, name))
			return *vmm;
		g_string_append_printf(known, " %s", (*vmm)->name);
	}
	g_set_error(error, FERRY_ERROR, 0, "--vmm: there is no VMM '%s'; known:%s", name,
		    known->str);
	return NULL;
}

char *vmm_names(void)
{
	GString *text = g_string_new(NULL);

	for (const struct vmm *const *vmm = vmms; *vmm; vmm++)
		text_add_choice(text, (*vmm)->name, !vmm[1]);
	return g_string_free(text, FALSE);
}

struct vmm_words vmm_words(const char *name)
{
	const struct vmm *vmm = name ? vmm_find(name, NULL) : vmms[0];

	if (!vmm)
		return (struct vmm_words){ 0 };
	return (struct vmm_words){
		.is_default = vmm == vmms[0],
		.binary = vmm->binary_option,
		.other_binary = vmm->other_binary_option,
	};
}
