//! Where the members of the kernel's structures lie: from the BTF that every user may read.

use super::kernel_types::KernelTypes;
use anyhow::{Result, bail};
use capwrap_ebpf::Offsets;

/// The running kernel's BTF.
pub const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Reads the offsets from the bytes of a kernel's BTF.
pub fn read(btf: &[u8]) -> Result<Offsets> {
    let types = KernelTypes::read(btf)?;
    let at = |structure, path: &[&str]| types.offset(structure, path);
    Ok(Offsets {
        task_pid: at("task_struct", &["pid"])?,
        task_tgid: at("task_struct", &["tgid"])?,
        task_flags: at("task_struct", &["flags"])?,
        task_group_leader: at("task_struct", &["group_leader"])?,
        task_cred: at("task_struct", &["cred"])?,
        task_real_cred: at("task_struct", &["real_cred"])?,
        task_mm: at("task_struct", &["mm"])?,
        cred_user_ns: at("cred", &["user_ns"])?,
        cred_uid: at("cred", &["uid"])?,
        cred_euid: at("cred", &["euid"])?,
        cred_egid: at("cred", &["egid"])?,
        user_namespace_level: at("user_namespace", &["level"])?,
        user_namespace_inum: at("user_namespace", &["ns", "inum"])?,
        pt_regs_system_call: system_call(&types)?,
        mm_exe_file: at("mm_struct", &["exe_file"])?,
        file_inode: at("file", &["f_inode"])?,
        file_dentry: at("file", &["f_path", "dentry"])?,
        file_mount: at("file", &["f_path", "mnt"])?,
        inode_number: at("inode", &["i_ino"])?,
        inode_super_block: at("inode", &["i_sb"])?,
        super_block_device: at("super_block", &["s_dev"])?,
        dentry_name: at("dentry", &["d_name", "name"])?,
        dentry_parent: at("dentry", &["d_parent"])?,
        mount_vfsmount: at("mount", &["mnt"])?,
        mount_parent: at("mount", &["mnt_parent"])?,
        mount_mountpoint: at("mount", &["mnt_mountpoint"])?,
        vfsmount_root: at("vfsmount", &["mnt_root"])?,
        zero: 0,
    })
}

/// The register that holds the system call's number for the kernel's own use.
fn system_call(types: &KernelTypes) -> Result<u32> {
    match std::env::consts::ARCH {
        "x86_64" => types.offset("pt_regs", &["orig_ax"]),
        "aarch64" => types.offset("pt_regs", &["syscallno"]),
        "riscv64" => types.offset("pt_regs", &["a7"]),
        other => bail!("the registers of {other} are not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernels_structures_have_all_members() {
        let Ok(btf) = std::fs::read(VMLINUX) else { return };
        let offsets = read(&btf).unwrap();
        assert_eq!(offsets.task_tgid, offsets.task_pid + 4);
        assert_ne!(offsets.cred_euid, offsets.cred_egid);
    }

    #[test]
    fn what_is_not_btf_is_an_error() {
        assert!(read(b"not BTF at all").is_err());
        assert!(read(b"").is_err());
    }
}
