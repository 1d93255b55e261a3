# SPDX-License-Identifier: GPL-2.0-or-later
vmx_memory_links := x86/nested/memory.c x86/nested/memory-faults.c x86/nested/memory-modes.c x86/nested/memory-writes.c x86/nested/cr3.c x86/nested/vmx-nesting.c
