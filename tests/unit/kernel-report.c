// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * host/util/kernel-report.c and host/util/kmsg.c: which messages of a kernel are reports, where
 * they begin and end, and whether they come from KVM. The messages are as Linux 6.1 prints them.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "util/kmsg.h"

#define CUT "------------[ cut here ]------------\n"
#define END "---[ end trace 0000000000000000 ]---\n"
#define KVM_WARNING                                                                                \
	CUT "WARNING: CPU: 1 PID: 231 at arch/x86/kvm/svm/nested.c:612 "                           \
	    "nested_vmcb02_prepare_control+0x2f1/0x420 [kvm_amd]\n"                                \
	    "Modules linked in: kvm_amd ccp kvm irqbypass\n"                                       \
	    "CPU: 1 PID: 231 Comm: qemu-system-x86 Not tainted 6.1.0 #1\n"                         \
	    "RIP: 0010:nested_vmcb02_prepare_control+0x2f1/0x420 [kvm_amd]\n"                      \
	    "Call Trace:\n"                                                                        \
	    " <TASK>\n"                                                                            \
	    " enter_svm_guest_mode+0x9d/0x2f0 [kvm_amd]\n"                                         \
	    " kvm_arch_vcpu_ioctl_run+0x91e/0x1770 [kvm]\n"                                        \
	    " </TASK>\n" END

static const struct row {
	const char *label, *messages;
	/*
	 * "kvm" or "other", " late" if it is timed, " in " and the number of a thread if it is
	 * known, ": " and the text; one a line.
	 */
	const char *reports;
} rows[] = {
	{ "usual",
	  "kvm [231]: vcpu0, guest rIP: 0x401410 ignored wrmsr: 0x8b data 0x0\n"
	  "kvm [231]: vcpu1, guest rIP: 0x401410 unhandled rdmsr: 0x140\n"
	  "kvm: requested 1000 ns i8254 timer period limited to 200000 ns\n"
	  "kvm: requested 1000 ns lapic timer period limited to 200000 ns\n"
	  "kvm_amd: Nested Virtualization enabled\n"
	  "SVM: kvm: Nested Paging enabled\n"
	  "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on\n"
	  "[Firmware Bug]: TSC_DEADLINE disabled due to Errata\n"
	  "clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable\n"
	  "TSC found unstable after boot, most likely due to broken BIOS. Use 'tsc=unstable'.\n"
	  "hrtimer: interrupt took 5123456 ns\n"
	  "perf: interrupt took too long (2513 > 2500), lowering kernel.perf_event_max_sample_rate\n"
	  "traps: prog[77] general protection fault ip:401136 sp:7ffd error:0 in prog\n"
	  "prog[78]: segfault at 0 ip 0000000000401136 sp 00007ffd error 4 in prog\n"
	  "workqueue: drm_fb_helper_damage_work hogged CPU for >10000us 4 times\n"
	  "sched: RT throttling activated\n",
	  "" },
	{ "warning", KVM_WARNING,
	  "kvm in 231: WARNING: CPU: 1 PID: 231 at arch/x86/kvm/svm/nested.c:612 nested_vmcb02_prepare_control+0x2f1/0x420 [kvm_amd]\n" },
	{ "newer-warning",
	  CUT
	  "WARNING: arch/x86/kvm/x86.c:9123 at kvm_arch_exit+0x1a/0x30 [kvm], CPU#0: rmmod/99\n" END,
	  "kvm: WARNING: arch/x86/kvm/x86.c:9123 at kvm_arch_exit+0x1a/0x30 [kvm], CPU#0: rmmod/99\n" },
	{ "warning-with-words",
	  CUT "refcount_t: underflow; use-after-free.\n"
	      "WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110\n"
	      "Call Trace:\n <TASK>\n kvm_put_kvm+0x1f/0x30 [kvm]\n </TASK>\n" END,
	  "kvm: WARNING: CPU: 0 PID: 7 at lib/refcount.c:28 refcount_warn_saturate+0xba/0x110: refcount_t: underflow; use-after-free.\n" },
	{ "not-kvm",
	  CUT
	  "WARNING: CPU: 0 PID: 7 at net/core/dev.c:12 netif_rx+0xba/0x110\n"
	  "Modules linked in: kvm_amd kvm [last unloaded: kvm_intel]\n"
	  "Call Trace:\n <TASK>\n ? kvm_vcpu_ioctl+0x1f/0x30 [kvm]\n tun_get_user+0x1/0x2 [tun]\n"
	  " </TASK>\n" END,
	  "other: WARNING: CPU: 0 PID: 7 at net/core/dev.c:12 netif_rx+0xba/0x110\n" },
	{ "interrupt-in-kvm",
	  CUT "WARNING: CPU: 0 PID: 7 at kernel/time/tick.c:12 tick+0xba/0x110\n"
	      "Call Trace:\n <IRQ>\n tick_sched_timer+0x1/0x2\n </IRQ>\n <TASK>\n"
	      " vcpu_enter_guest+0x1f/0x30 [kvm]\n </TASK>\n" END,
	  "other: WARNING: CPU: 0 PID: 7 at kernel/time/tick.c:12 tick+0xba/0x110\n" },
	{ "kvm-in-interrupt",
	  CUT "WARNING: CPU: 0 PID: 7 at kernel/time/hrtimer.c:12 hrtimer_forward+0xba/0x110\n"
	      "Call Trace:\n <IRQ>\n apic_timer_fn+0x1/0x2 [kvm]\n </IRQ>\n" END,
	  "kvm: WARNING: CPU: 0 PID: 7 at kernel/time/hrtimer.c:12 hrtimer_forward+0xba/0x110\n" },
	{ "thread-of-newer-kernel",
	  CUT
	  "WARNING: virt/kvm/dirty_ring.c:225 at kvm_dirty_ring_push+0xe2/0xf0, CPU#1: x/22500\n"
	  "CPU: 1 UID: 0 PID: 22500 Comm: CPU 0/KVM Not tainted 6.18.0 #1\n"
	  "Call Trace:\n <TASK>\n kvm_vcpu_ioctl+0x1f/0x30\n </TASK>\n" END,
	  "kvm in 22500: WARNING: virt/kvm/dirty_ring.c:225 at kvm_dirty_ring_push+0xe2/0xf0, CPU#1: x/22500\n" },
	{ "thread-of-an-interrupt",
	  CUT "WARNING: CPU: 0 PID: 7 at kernel/time/hrtimer.c:12 hrtimer_forward+0xba/0x110\n"
	      "CPU: 0 PID: 7 Comm: cc1 Not tainted 6.1.0 #1\n"
	      "Call Trace:\n <IRQ>\n apic_timer_fn+0x1/0x2 [kvm]\n </IRQ>\n <TASK>\n </TASK>\n" END,
	  "kvm: WARNING: CPU: 0 PID: 7 at kernel/time/hrtimer.c:12 hrtimer_forward+0xba/0x110\n" },
	{ "built-in",
	  "BUG: sleeping function called from invalid context at mm/slab.h:1\n"
	  "Call Trace:\n <TASK>\n kmalloc+0x1/0x2\n kvm_vcpu_ioctl+0x1f/0x30\n",
	  "kvm: BUG: sleeping function called from invalid context at mm/slab.h:1\n" },
	{ "paravirtual-guest",
	  "BUG: scheduling while atomic: x/1/0x2\nCall Trace:\n kvm_clock_get_cycles+0x1/0x2\n",
	  "other: BUG: scheduling while atomic: x/1/0x2\n" },
	{ "oops",
	  "BUG: kernel NULL pointer dereference, address: 0000000000000018\n"
	  "#PF: supervisor read access in kernel mode\n"
	  "Oops: 0000 [#1] PREEMPT SMP NOPTI\n"
	  "RIP: 0010:kvm_mmu_page_fault+0x12/0x340 [kvm]\n"
	  "Call Trace:\n <TASK>\n npf_interception+0x5/0x6 [kvm_amd]\n </TASK>\n" END,
	  "kvm: BUG: kernel NULL pointer dereference, address: 0000000000000018 in kvm_mmu_page_fault+0x12/0x340 [kvm]\n" },
	{ "kernel-bug",
	  CUT "kernel BUG at virt/kvm/kvm_main.c:321!\n"
	      "invalid opcode: 0000 [#1] PREEMPT SMP\nRIP: 0010:kvm_x+0x1/0x2 [kvm]\n" END,
	  "kvm: kernel BUG at virt/kvm/kvm_main.c:321!\n" },
	{ "protection-fault",
	  "general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP\n"
	  "RIP: 0010:__list_del+0x1/0x2\nCall Trace:\n tun_free+0x1/0x2 [tun]\n" END,
	  "other: general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP in __list_del+0x1/0x2\n" },
	{ "stall",
	  "rcu: INFO: rcu_sched self-detected stall on CPU\n"
	  "rcu: \t0-....: (5249 ticks this GP) idle=2d5c/1/0x4000000000000000 softirq=1/1 fqs=2624\n"
	  "NMI backtrace for cpu 0\nCall Trace:\n <IRQ>\n rcu_sched_clock_irq+0x1/0x2\n </IRQ>\n"
	  " <TASK>\nRIP: 0010:kvm_tdp_mmu_zap_leafs+0x1/0x2 [kvm]\n </TASK>\n",
	  "kvm late: rcu: INFO: rcu_sched self-detected stall on CPU in kvm_tdp_mmu_zap_leafs+0x1/0x2 [kvm]\n" },
	{ "lockup",
	  "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [cc1:88]\n"
	  "RIP: 0010:copy_page+0x7/0x10\nCall Trace:\n <TASK>\n wp_page_copy+0x1/0x2\n",
	  "other late: watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [cc1:88] in copy_page+0x7/0x10\n" },
	{ "hung-task", "INFO: task qemu-system-x86:231 blocked for more than 120 seconds.\n",
	  "other late: INFO: task qemu-system-x86:231 blocked for more than 120 seconds.\n" },
	{ "lockdep",
	  "======================================================\n"
	  "WARNING: possible circular locking dependency detected\n"
	  "6.1.0 #1 Not tainted\n"
	  "------------------------------------------------------\n"
	  "qemu-system-x86/231 is trying to acquire lock:\n"
	  "ffff888 (&kvm->mmu_lock){++++}-{2:2}, at: kvm_mmu_zap_all+0x1/0x2 [kvm]\n"
	  "stack backtrace:\nCall Trace:\n <TASK>\n dump_stack_lvl+0x1/0x2\n </TASK>\n",
	  "kvm: WARNING: possible circular locking dependency detected\n" },
	{ "rcu-usage", "WARNING: suspicious RCU usage\nnet/ipv4/x.c:1 suspicious\n",
	  "other: WARNING: suspicious RCU usage\n" },
	{ "msr",
	  "unchecked MSR access error: WRMSR to 0xc0000103 at rIP: 0xffffffff (native_write_msr+0x4/0x20)\n"
	  "Call Trace:\n <TASK>\n svm_prepare_switch_to_guest+0x1/0x2 [kvm_amd]\n </TASK>\n",
	  "kvm: unchecked MSR access error: WRMSR to 0xc0000103 at rIP: 0xffffffff (native_write_msr+0x4/0x20)\n" },
	{ "two",
	  KVM_WARNING "kvm [1]: nothing\n" CUT
		      "WARNING: CPU: 0 PID: 7 at mm/gup.c:1 gup+0x1/0x2\n" END,
	  "kvm in 231: WARNING: CPU: 1 PID: 231 at arch/x86/kvm/svm/nested.c:612 nested_vmcb02_prepare_control+0x2f1/0x420 [kvm_amd]\n"
	  "other: WARNING: CPU: 0 PID: 7 at mm/gup.c:1 gup+0x1/0x2\n" },
	{ "second-ends-the-first",
	  "BUG: Bad page state in process x\nCall Trace:\n a+0x1/0x2\n"
	  "BUG: Bad page map in process y\n",
	  "other: BUG: Bad page state in process x\nother: BUG: Bad page map in process y\n" },
};

static void on_begun(void *data)
{
}

static void on_complete(void *data, const struct kernel_report *report)
{
	g_autofree char *thread = report->thread ? g_strdup_printf(" in %d", report->thread) : NULL;

	g_string_append_printf(data, "%s%s%s: %s\n", report->from_kvm ? "kvm" : "other",
			       report->timed ? " late" : "", thread ?: "", report->text);
	g_assert_cmpuint(strlen(report->block), >, 0);
}

static const struct kernel_report_listener listener = { .begun = on_begun,
							.complete = on_complete };

static void test_row(gconstpointer data)
{
	const struct row *row = data;
	g_autoptr(GString) told = g_string_new(NULL);
	struct kernel_reader *reader = kernel_reader_new(&listener, told);
	g_auto(GStrv) messages = g_strsplit(row->messages, "\n", -1);

	for (char **message = messages; *message; message++)
		if (**message)
			kernel_reader_take(reader, *message);
	kernel_reader_flush(reader);
	g_assert_false(kernel_reader_is_open(reader));
	kernel_reader_free(reader);
	g_assert_cmpstr(told->str, ==, row->reports);
}

/* Records in the format of /dev/kmsg: with a head, with properties, and from programs. */
static void test_records(void)
{
	static const char old[] = "4,1,1,-;BUG: from before\n";
	static const char records[] = "12,2,2,-;BUG: a program has said this\n"
				      "6,3,3,-;usual\n SUBSYSTEM=cpu\n DEVICE=+cpu:1\n"
				      "4,4,4,-,caller=T231;BUG: of; the kernel\n"
				      " BUG: a property\n"
				      "4,5,5,-;its second";
	g_autofree char *path = g_strdup_printf("%s/ferry-kmsg-XXXXXX", g_get_tmp_dir());
	g_autoptr(GString) told = g_string_new(NULL);
	int fd = g_mkstemp(path);
	struct kmsg *kmsg;

	g_assert_cmpint(write(fd, old, strlen(old)), ==, strlen(old));
	g_setenv("FERRY_KMSG", path, TRUE);
	kmsg = kmsg_open(&listener, told);
	g_assert_nonnull(kmsg);
	g_assert_cmpint(write(fd, records, strlen(records)), ==, strlen(records));
	kmsg_read(kmsg);
	g_assert_true(kmsg_is_open(kmsg));
	g_assert_cmpint(write(fd, " line\n", 6), ==, 6);
	kmsg_read(kmsg);
	g_assert_cmpstr(told->str, ==, "");
	kmsg_flush(kmsg);
	g_assert_cmpstr(told->str, ==, "other: BUG: of; the kernel\n");
	kmsg_close(kmsg);
	g_assert_true(g_close(fd, NULL));
	g_assert_cmpint(g_remove(path), ==, 0);
}

static void test_no_records(void)
{
	g_setenv("FERRY_KMSG", "/nowhere/kmsg", TRUE);
	g_assert_null(kmsg_open(&listener, NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/kernel-report/records", test_records);
	g_test_add_func("/kernel-report/no-records", test_no_records);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *path = g_strdup_printf("/kernel-report/%s", rows[i].label);

		g_test_add_data_func(path, &rows[i], test_row);
	}
	return g_test_run();
}
