// SPDX-License-Identifier: GPL-2.0-or-later
//
// Breaks: exceptions of L2 that L1 intercepts do not exit
// Noticed by: a hypervisor guest that uses exceptions itself (debuggers, shadow paging, old VMware) loses control over its guests
// Files: arch/x86/kvm/vmx/vmx.c
// Cases: vmx_exit_up/none
// Test: exceptions
//
// What must hold: with its bit in the exception bitmap an exception of L2 exits.

@@
expression eb, vcpu;
@@
 vmx_update_exception_bitmap(...)
 {
 <...
- eb |= get_vmcs12(vcpu)->exception_bitmap;
+ ;
 ...>
 }
