# SPDX-License-Identifier: GPL-2.0-or-later
svm_memory_links := $(wildcard x86/nested/memory-*.c) x86/nested/cr3.c
