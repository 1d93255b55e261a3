# SPDX-License-Identifier: GPL-2.0-or-later
vmx_ept_links := $(wildcard x86/nested/memory-*.c) x86/nested/vmx-nesting.c
