// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * async_pf: KVM's asynchronous page faults (Linux Documentation/virt/kvm/x86/msr.rst,
 * MSR_KVM_ASYNC_PF_EN).
 *
 * When a guest touches a page that its host has to fetch first, KVM does not stop the CPU. It
 * injects a #PF with a token in CR2, "page not present", so that the guest can do something else.
 * Later an interrupt with the same token says "page ready". In a post-copy migration this happens
 * for pages that have not come yet, and in a background snapshot for pages that are not saved yet.
 * Whatever else the host does, no token may be lost, since a task of the guest waits for it.
 *
 * A broken hypervisor loses a token or delivers it twice. It delivers "page not present" to a CPU
 * in ring 0 that has not asked for it. Or it lets the CPU go on with old contents of the page. The
 * tests write many pages in turn during the action, and check each one before they write it again.
 * They keep a list of tokens, and none may be open once all pages have come. A guest cannot know
 * whether a page was missing. So if the host has all pages, the tests see only that no token comes.
 *
 * On the command line: break=token forgets the first token, and break=page spoils a page.
 */
#include "legacy-mode.h"
#include "x86/async_pf/missing-pages.h"

TEST(every_token_comes_back, .on = EACH_CPU, .needs = ASYNC_PF,
     .about =
	     "each page that KVM reports as not present during an action is reported as ready once, and holds what was written last")
{
	write_missing_pages(ASYNC_PF_SEND_ALWAYS, NULL);
}

TEST(ring0_is_spared, .on = EACH_CPU, .needs = ASYNC_PF,
     .about =
	     "KVM reports no missing page to a CPU in ring 0 that asked for such reports in user mode only")
{
	u32 not_present = write_missing_pages(0, NULL);

	report(!not_present, "%u page faults with a token", not_present);
}

/*
 * A CPU that leaves long mode clears CR0.PG, as firmware does in a runtime service and the boot
 * code of a kernel that starts another. KVM delivers no "page not present" to a CPU without paging,
 * but it owes it all the tokens that were open before. A KVM that forgets the pages it is fetching
 * when CR0.PG changes never calls them ready.
 */
static void leave_paging(void)
{
	legacy_mode_visit(&legacy_protected);
}

TEST(tokens_outlive_paging, .on = EACH_CPU, .needs = ALL_OF(ASYNC_PF, LEGACY_MODES, WHOLE_CPU),
     .about =
	     "pages that are not present when a CPU turns paging off and on again are still reported as ready, once each")
{
	write_missing_pages(ASYNC_PF_SEND_ALWAYS, leave_paging);
}
