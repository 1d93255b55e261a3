// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VM entries that are refused because of VMCS shadowing (Intel SDM volume 3, 27.2.1.1 for the
 * bitmaps, 27.3.1.5 for the VMCS link pointer).
 *
 * A broken hypervisor checks these when L1 writes them, and not at the VM entry after a migration.
 */
#include "libcflat.h"
#include "alloc_page.h"
#include "x86/vmx_shadow/vmx_shadow.h"

enum wrong {
	NO_INDICATOR,
	OTHER_REVISION,
	ODD_LINK,
	NO_SHADOWING,
	ODD_READ_BITMAP,
	ODD_WRITE_BITMAP,
	WRONGS,
};

static const char *const wrong_names[WRONGS] = {
	"a linked VMCS without the shadow indicator",
	"a linked VMCS of another revision",
	"a link pointer that is not aligned to a page",
	"a linked shadow VMCS while VMCS shadowing is off",
	"a VMREAD bitmap that is not aligned to a page",
	"a VMWRITE bitmap that is not aligned to a page",
};

static void make_wrong(struct l2 *l2, struct vmcs *linked, enum wrong wrong)
{
	switch (wrong) {
	case NO_INDICATOR:
		linked->revision_id ^= VMCS_SHADOW_INDICATOR;
		break;
	case OTHER_REVISION:
		linked->revision_id ^= 1;
		break;
	case ODD_LINK:
		vmx_set(l2, VMCS_LINK_POINTER, vmx_get(l2, VMCS_LINK_POINTER) ^ 16);
		break;
	case NO_SHADOWING:
		vmx_set(l2, SECONDARY_VM_EXEC_CONTROL,
			vmx_get(l2, SECONDARY_VM_EXEC_CONTROL) ^ SECONDARY_EXEC_SHADOW_VMCS);
		break;
	case ODD_READ_BITMAP:
		vmx_set(l2, VMREAD_BITMAP, vmx_get(l2, VMREAD_BITMAP) ^ 16);
		break;
	case ODD_WRITE_BITMAP:
		vmx_set(l2, VMWRITE_BITMAP, vmx_get(l2, VMWRITE_BITMAP) ^ 16);
		break;
	case WRONGS:
		break;
	}
}

static void check_refused(struct l2 *l2, enum wrong wrong)
{
	u64 reason = l2_enter(l2), detail;

	if (wrong >= ODD_READ_BITMAP) {
		detail = reason == L2_NOT_ENTERED ? vmx_get(l2, VM_INSTRUCTION_ERROR) : 0;
		report(detail == VMXERR_ENTRY_INVALID_CONTROL_FIELD,
		       "%s: exit %s; expected no entry, with error %d", wrong_names[wrong],
		       l2_exit_text(l2), VMXERR_ENTRY_INVALID_CONTROL_FIELD);
		return;
	}
	report(reason == (EXIT_REASON_INVALID_STATE | VMX_EXIT_REASONS_FAILED_VMENTRY) &&
		       vmx_get(l2, EXIT_QUALIFICATION) == ENTRY_FAIL_VMCS_LINK_PTR,
	       "%s: exit %s; expected a failed entry with qualification %d", wrong_names[wrong],
	       l2_exit_text(l2), ENTRY_FAIL_VMCS_LINK_PTR);
}

TEST(refused, .on = EACH_CPU, .needs = VMX_SHADOW_VMCS,
     .about =
	     "a VM entry with a wrong link pointer or bitmap, set before a migration, fails after it")
{
	struct l2 *l2 = new_l2(l2_call_forever, (void *)HERE), *l2s[WRONGS];
	struct vmcs *linked[WRONGS];

	for (enum wrong wrong = 0; wrong < WRONGS; wrong++) {
		struct shadow of_its_own = { .vmcs = linked[wrong] = shadow_alloc() };

		vmclear(virt_to_phys(linked[wrong]));
		l2s[wrong] = shadowed_l2(l2_call_forever, (void *)HERE, &of_its_own);
		vmx_clear(l2s[wrong]);
		if (!broken("refused"))
			make_wrong(l2s[wrong], linked[wrong], wrong);
	}
	migrate_quiet();
	for (enum wrong wrong = 0; wrong < WRONGS; wrong++) {
		check_refused(l2s[wrong], wrong);
		if (!broken("refused"))
			make_wrong(l2s[wrong], linked[wrong], wrong);
		l2_expect_call(l2s[wrong], HERE);
		l2_free(l2s[wrong]);
		free_page(linked[wrong]);
	}
	free_l2(l2);
}
